import '@tensorflow/tfjs-backend-cpu';
import type { RandomStream } from '@nlakit/core';
import type { Rank, Tensor2D } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { loraLinear, tf } from './index.js';

beforeAll(() => tf.setBackend('cpu'));

function cycling(...numbers: number[]): RandomStream {
  let next = 0;
  return { uniform: () => numbers[next++ % numbers.length] ?? 0 } as unknown as RandomStream;
}

describe('dropout of loraLinear', () => {
  const x = (): Tensor2D => tf.tensor2d([[1, 2, 3, 4]]);
  const pair = (): { a: Tensor2D; b: Tensor2D } => ({ a: tf.ones([1, 4]), b: tf.ones([2, 1]) });
  const base = (): Tensor2D => tf.tensor2d([[10, 20]]);

  it('drops inputs of the adapter only, and divides the rest by the chance of staying', async () => {
    const result = loraLinear(x(), base(), pair(), 0.5, { rate: 0.5, random: cycling(0.1, 0.5, 0.9, 0.2) });
    expect(await result.array()).toEqual([[15, 25]]);
  });

  it('drops the same elements in the backward pass', async () => {
    const { a, b } = pair();
    const random = cycling(0.1, 0.4, 0.9, 0.2);
    const gradient = tf.grad((value) => tf.sum(loraLinear(value, base(), { a, b }, 1, { rate: 0.5, random })))(x());
    expect(await gradient.array()).toEqual([[0, 0, 4, 0]]);
  });

  it('draws nothing at rate 0', async () => {
    const random = { uniform: () => expect.fail('a number was drawn') } as unknown as RandomStream;
    expect(await loraLinear(x(), base(), pair(), 1, { rate: 0, random }).array()).toEqual([[20, 30]]);
  });

  it('refuses a rate that is no probability below 1', () => {
    for (const rate of [1, -0.1, NaN]) {
      expect(() => loraLinear(x(), base(), pair(), 1, { rate, random: cycling(0) })).toThrowError(
        expect.objectContaining({ code: 'E_DROPOUT_RATE' }),
      );
    }
  });
});

describe('loraLinear on rows', () => {
  it('records one operation: every adapted linear runs it at every step', () => {
    const [x, base] = [tf.ones<Rank.R2>([3, 4]), tf.ones<Rank.R2>([3, 2])];
    const pair = { a: tf.ones<Rank.R2>([1, 4]), b: tf.ones<Rank.R2>([2, 1]) };
    loraLinear(x, base, pair, 2).dispose();
    const names: string[] = [];
    const engine = tf.engine();
    const runKernel = engine.runKernel.bind(engine);
    const depth = () => (engine.state as { kernelDepth: number }).kernelDepth;
    const listening: typeof runKernel = (name, inputs, attrs) => {
      if (depth() === 0) names.push(name);
      return runKernel(name, inputs, attrs);
    };
    engine.runKernel = listening;
    try {
      loraLinear(x, base, pair, 2);
    } finally {
      engine.runKernel = runKernel;
    }
    expect(names).toEqual(['NlaLora']);
  });
});
