import '@tensorflow/tfjs-backend-cpu';
import type { RandomStream } from '@nlakit/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { dropout, tf } from './index.js';

beforeAll(() => tf.setBackend('cpu'));

/** A stream of whole numbers below 2^32, each well apart from the last. */
function numbersFrom(seed: number): RandomStream {
  let state = seed;
  return { integer: () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) } as unknown as RandomStream;
}

const count = 40_000;
const droppedOf = (rate: number, seed: number): number[] =>
  Array.from(dropout(tf.ones([count]), rate, numbersFrom(seed)).dataSync(), (value) => (value === 0 ? 1 : 0));
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Correlation of two rows of zeros and ones in standard errors: that of n independent pairs is normal with deviation n^(-1/2). */
function correlation(x: readonly number[], y: readonly number[]): number {
  const [xMean, yMean] = [mean(x), mean(y)];
  const products = mean(x.map((value, at) => (value - xMean) * ((y[at] ?? NaN) - yMean)));
  return (products / Math.sqrt(xMean * (1 - xMean) * yMean * (1 - yMean))) * Math.sqrt(x.length);
}

describe('dropout', () => {
  it.each([0.05, 0.3, 0.5, 0.9])('drops a share of %d and keeps the mean', (rate) => {
    for (const seed of [1, 2, 3]) {
      const share = mean(droppedOf(rate, seed));
      expect(Math.abs(share - rate)).toBeLessThan(4 * Math.sqrt((rate * (1 - rate)) / count));
    }
    const kept = dropout(tf.ones([count]), rate, numbersFrom(1))
      .dataSync()
      .find((value) => value !== 0);
    expect(kept).toBeCloseTo(1 / (1 - rate), 5);
  });

  it('drops elements independently of their neighbours, of those a row further, and of those of another seed', () => {
    const dropped = droppedOf(0.3, 7);
    for (const distance of [1, 2, 4, 64, 256, 1536]) {
      expect(Math.abs(correlation(dropped.slice(distance), dropped.slice(0, -distance)))).toBeLessThan(4.5);
    }
    for (const seed of [8, 9, 1007]) expect(Math.abs(correlation(dropped, droppedOf(0.3, seed)))).toBeLessThan(4.5);
  });

  it('refuses a rate that is no probability below 1', () => {
    for (const rate of [1, -0.1, NaN]) {
      expect(() => dropout(tf.ones([2]), rate, numbersFrom(1))).toThrowError(expect.objectContaining({ code: 'E_DROPOUT_RATE' }));
    }
  });
});
