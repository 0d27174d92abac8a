import '@tensorflow/tfjs-backend-cpu';
import type { PluginKind } from '@nlakit/core';
import { tf } from '@nlakit/ops';
import type { CommonFixtures } from './fixtures.js';

/** Makes the tfjs backend of the fixtures current; tfjs on the CPU if they name none. A backend brings its own. */
export async function startEngine(kind: PluginKind, { engine }: CommonFixtures): Promise<void> {
  if (engine !== undefined) await engine();
  else if (kind !== 'backend') await tf.setBackend('cpu');
}
