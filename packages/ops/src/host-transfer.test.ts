import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, it } from 'vitest';
import { offerHostTransfer, readValues, tensorOfCopy, tf } from './index.js';

beforeAll(() => tf.setBackend('cpu'));

/** Sums that f32 and f64 round differently. */
const [values, more] = [Float32Array.of(0.1, -2, 3e8), Float32Array.of(0.2, 1, 7)];

describe('readValues and tensorOfCopy', () => {
  it('read over an array, and add to it in f32', async () => {
    const target = new Float32Array(3).fill(9);
    await readValues(tf.tensor1d(values), target);
    expect(target).toEqual(values);
    await readValues(tf.tensor1d(more), target, true);
    expect(target).toEqual(Float32Array.from(values, (value, at) => value + (more[at] ?? NaN)));
  });

  it('leave no tie between an array and its tensor', async () => {
    const array = values.slice();
    const tensor = tensorOfCopy(array, [1, 3]);
    const target = new Float32Array(3);
    await readValues(tensor, target);
    array.fill(0);
    target.fill(1);
    expect(tensor.shape).toEqual([1, 3]);
    expect(await tensor.data()).toEqual(values);
  });
});

describe("a backend's own transfer", () => {
  it('is used while that backend is current', async () => {
    const calls: unknown[] = [];
    const tensor = tf.tensor1d(values);
    tf.registerBackend('other', () => {
      const backend = new tf.KernelBackend();
      offerHostTransfer(backend, {
        read: (_tensor, target, add) => void calls.push([target.length, add]),
        write: (_values, shape) => (calls.push(shape), tensor),
      });
      return backend;
    });
    await tf.setBackend('other');
    await readValues(tensor, new Float32Array(3), true);
    expect(tensorOfCopy(values, [3])).toBe(tensor);
    await tf.setBackend('cpu');
    expect(tensorOfCopy(values, [3])).not.toBe(tensor);
    expect(calls).toEqual([[3, true], [3]]);
  });
});
