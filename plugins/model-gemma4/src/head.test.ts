import '@tensorflow/tfjs-backend-cpu';
import { tf } from '@nlakit/ops';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Gemma4Config } from './config.js';
import { hostTable, residentTable } from './embedding-table.js';
import { createHead } from './head.js';

beforeAll(() => tf.setBackend('cpu'));

const [rows, vocabulary, width, softcap] = [3, 600, 8, 2];
const hidden = Float32Array.from({ length: rows * width }, (_, at) => Math.sin(at * 1.7));
const table = Float32Array.from({ length: vocabulary * width }, (_, at) => Math.cos(at * 0.37) * (1 + Math.floor(at / width / 256)));
const targets = Int32Array.of(0, 599, 300);
const weights = [1, -2, 0.5];

/** Losses, and the gradient of their weighted sum in `hidden`, in doubles; `weighted` are its weights. */
function truth(weighted = weights): { losses: number[]; gradient: number[] } {
  const gradient = new Array<number>(rows * width).fill(0);
  const losses = weighted.map((weight, row) => {
    const capped = Array.from({ length: vocabulary }, (_, id) => {
      let logit = 0;
      for (let at = 0; at < width; at++) logit += hidden[row * width + at]! * table[id * width + at]!;
      return softcap * Math.tanh(logit / softcap);
    });
    const sum = capped.reduce((total, value) => total + Math.exp(value), 0);
    capped.forEach((value, id) => {
      const slope = (Math.exp(value) / sum - (id === targets[row] ? 1 : 0)) * (1 - (value / softcap) ** 2);
      for (let at = 0; at < width; at++) gradient[row * width + at]! += weight * slope * table[id * width + at]!;
    });
    return Math.log(sum) - capped[targets[row]!]!;
  });
  return { losses, gradient };
}

const apart = (one: ArrayLike<number>, other: readonly number[]): number =>
  Math.max(...other.map((value, at) => Math.abs(value - one[at]!)));

describe.each(['off the backend', 'on the backend'])('the output layer with its table %s', (place) => {
  const tableThere = () =>
    place === 'on the backend'
      ? residentTable(tf.tensor2d(table, [vocabulary, width]))
      : hostTable([vocabulary, width], {
          read: (start, count, into, at) => void into.set(table.subarray(start * width, (start + count) * width), at),
          close: () => undefined,
        });

  it('gives losses and gradients of doubles', async () => {
    // Chunks as small as they get: 256 rows off the backend, of 600.
    const layer = createHead({ softcap } as Gemma4Config, tableThere(), 1);
    const x = tf.tensor2d(hidden, [rows, width]);
    const { losses, gradient } = truth();
    expect(apart(await layer.crossEntropy(x, targets).data(), losses)).toBeLessThan(1e-5);
    const weightedSum = (h: tf.Tensor): tf.Tensor => tf.sum(tf.mul(layer.crossEntropy(h as tf.Tensor2D, targets), tf.tensor1d(weights)));
    const got = await tf.grad(weightedSum)(x).data();
    expect(apart(got, gradient)).toBeLessThan(1e-5);
    // A gradient that forgot what the losses are multiplied by would not pass.
    expect(apart(got, truth([1, 1, 1]).gradient)).toBeGreaterThan(0.1);
  });
});
