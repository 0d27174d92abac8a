import { availableParallelism, cpus } from 'node:os';
import '@tensorflow/tfjs-backend-cpu';
import { NlaError, type Backend } from '@nlakit/core';
import * as tf from '@tensorflow/tfjs-core';

/** Edge of the matrices that the self-test multiplies. */
const edge = 64;

/** Makes tfjs' JavaScript backend current. Throws `E_BACKEND_START` if tfjs does not take it. */
export async function createBackend(): Promise<Backend> {
  if (!(await tf.setBackend('cpu'))) throw new NlaError('E_BACKEND_START', { message: 'tfjs did not start its cpu backend.' });
  await tf.ready();
  let peakBytes = 0;
  const memory = (): ReturnType<Backend['memory']> => {
    const { numBytes, numTensors } = tf.memory();
    peakBytes = Math.max(peakBytes, numBytes);
    return { liveBytes: numBytes, peakBytes, tensors: numTensors };
  };
  return {
    name: 'cpu',
    description: `tfjs cpu ${tf.version_core}, ${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${availableParallelism()} cores, one used`,
    capabilities: { kernels: [], multiply: ['f32'], maxTensorBytes: 2 ** 31, synchronousRead: true },
    memory,
    selfTest,
    dispose: () => Promise.resolve(),
  };
}

/** Multiplies whole numbers, whose product is known exactly, and times it. */
async function selfTest(): ReturnType<Backend['selfTest']> {
  const values = (factor: number): number[] => Array.from({ length: edge * edge }, (_, index) => ((index * factor) % 7) - 3);
  const [left, right] = [values(3), values(5)];
  const started = performance.now();
  const product = tf.tidy(() => tf.matMul(tf.tensor2d(left, [edge, edge]), tf.tensor2d(right, [edge, edge])));
  const found = await product.data();
  const seconds = (performance.now() - started) / 1000;
  product.dispose();
  const ok = found.every((value, index) => {
    const [row, column] = [Math.floor(index / edge), index % edge];
    let sum = 0;
    for (let k = 0; k < edge; k += 1) sum += (left[row * edge + k] ?? 0) * (right[k * edge + column] ?? 0);
    return value === sum;
  });
  return {
    ok,
    gflops: (2 * edge ** 3) / seconds / 1e9,
    detail: `${edge} by ${edge} whole numbers ${ok ? 'multiplied exactly' : 'multiplied wrongly'}`,
  };
}
