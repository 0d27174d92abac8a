import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, expect, it } from 'vitest';
import { rmsNormAdd, tf } from './index.js';

beforeAll(() => tf.setBackend('cpu'));

it.each([undefined, 0.5])('rmsNormAdd takes one tensor as residual and branch, every gradient asked for (scale %s)', async (factor) => {
  const [x, weight] = [tf.tensor2d([1, -2, 3, 0.5], [2, 2]), tf.tensor1d([2, -1])];
  const scale = factor === undefined ? undefined : tf.tensor1d([factor]);
  const inputs = scale === undefined ? [x, weight] : [x, weight, scale];
  const tensors = tf.memory().numTensors;
  const gradients = (one: boolean): number[][] =>
    tf
      .grads((x, weight, scale) => {
        const branch = one ? x : tf.mul(x, 1);
        return tf.sum(tf.square(rmsNormAdd(x, branch, weight as tf.Tensor1D, 1e-6, scale as tf.Tensor1D)));
      })(inputs)
      .map((gradient) => [...gradient.dataSync<'float32'>()]);
  const apart = gradients(false);
  expect(apart.flat().every((value) => Number.isFinite(value) && value !== 0)).toBe(true);
  for (const [index, values] of gradients(true).entries()) {
    values.forEach((value, at) => expect(value).toBeCloseTo(apart[index]![at]!, 5));
  }
  expect(tf.memory().numTensors).toBe(tensors + 2 * inputs.length);
});
