import '@tensorflow/tfjs-backend-cpu';
import type { RandomStream } from '@nlakit/core';
import type { Rank } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { recordedKernels } from './__fixtures__/recorded-kernels.js';
import { loraLinear, tf } from './index.js';

beforeAll(() => tf.setBackend('cpu'));

describe('dropout of loraLinear', () => {
  const numbers = (): RandomStream => {
    let next = 0;
    return { integer: (bound: number) => (next++ * 2654435761) % bound } as unknown as RandomStream;
  };

  it('drops inputs of the adapter only, the same ones for the same numbers', async () => {
    const x = tf.ones<Rank.R2>([1, 400]);
    const pair = { a: tf.ones<Rank.R2>([1, 400]), b: tf.ones<Rank.R2>([2, 1]) };
    const base = tf.tensor2d([[1000, 2000]]);
    const run = (random: RandomStream) => loraLinear(x, base, pair, 1, { rate: 0.5, random });
    const [[first = NaN, second = NaN] = []] = (await run(numbers()).array()) as number[][];
    // 400 terms of 0 or 2.
    expect(second).toBe(first + 1000);
    expect((first - 1000) % 2).toBe(0);
    expect(Math.abs(first - 1400)).toBeGreaterThan(0);
    expect(Math.abs(first - 1400)).toBeLessThan(200);
    expect(await run(numbers()).array()).toEqual([[first, second]]);
  });

  it('draws nothing at rate 0', async () => {
    const random = { integer: () => expect.fail('a number was drawn') } as unknown as RandomStream;
    const [x, base] = [tf.tensor2d([[1, 2]]), tf.tensor2d([[10, 20]])];
    const pair = { a: tf.ones<Rank.R2>([1, 2]), b: tf.ones<Rank.R2>([2, 1]) };
    expect(await loraLinear(x, base, pair, 1, { rate: 0, random }).array()).toEqual([[13, 23]]);
  });
});

describe('loraLinear on rows', () => {
  it('records one operation: every adapted linear runs it at every step', () => {
    const [x, base] = [tf.ones<Rank.R2>([3, 4]), tf.ones<Rank.R2>([3, 2])];
    const pair = { a: tf.ones<Rank.R2>([1, 4]), b: tf.ones<Rank.R2>([2, 1]) };
    loraLinear(x, base, pair, 2).dispose();
    expect(recordedKernels(() => loraLinear(x, base, pair, 2))).toEqual(['NlaLora']);
  });
});
