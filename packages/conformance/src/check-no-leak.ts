import { tf } from '@nlakit/ops';
import { check } from './check.js';

/** Fails unless `body` leaves as many tensors behind as there were before it. */
export async function checkNoLeak(what: string, body: () => unknown): Promise<void> {
  // Of the engine, not of `tf.memory()`: that asks a backend, and there may be none yet.
  const before = tf.engine().state.numTensors;
  await body();
  const more = tf.engine().state.numTensors - before;
  check(more === 0, `The number of tensors is another after ${what}.`, `${more > 0 ? '+' : ''}${more}`, '0');
}
