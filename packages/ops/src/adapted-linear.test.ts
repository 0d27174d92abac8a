import '@tensorflow/tfjs-backend-cpu';
import type { LoraPair, LoraTerm, RandomStream } from '@nlakit/core';
import type { Rank } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { recordedKernels } from './__fixtures__/recorded-kernels.js';
import { adaptedLinear, linear, loraLinear, recallProducts, rememberProducts, tf } from './index.js';

beforeAll(() => tf.setBackend('cpu'));

describe('adaptedLinear', () => {
  const x = () => tf.tensor2d([1, 2, 3, 4, 5, 6], [2, 3]);
  const weight = () => tf.tensor2d([1, 0, -1], [1, 3]);
  const pair = () => ({ a: tf.tensor2d([1, 1, 1], [1, 3]), b: tf.tensor2d([2], [1, 1]) });

  it('records one operation', () => {
    const operands = { x: x(), weight: weight(), term: { pair: pair(), scale: 0.5 } };
    adaptedLinear(operands.x, operands.weight, operands.term).dispose();
    expect(recordedKernels(() => adaptedLinear(operands.x, operands.weight, operands.term))).toEqual(['NlaPlainLora']);
  });

  it('draws two numbers a call, and none at rate 0', () => {
    let drawn = 0;
    const random = { integer: () => drawn++ } as unknown as RandomStream;
    const run = (rate: number): void => adaptedLinear(x(), weight(), { pair: pair(), scale: 1, dropout: { rate, random } }).dispose();
    run(0);
    expect(drawn).toBe(0);
    run(0.5);
    run(0.5);
    expect(drawn).toBe(4);
    expect(() => run(1)).toThrow(expect.objectContaining({ code: 'E_DROPOUT_RATE' }));
  });

  it('recalls its whole result, the term included, and has the same gradients', async () => {
    const [input, frozen] = [x(), weight()];
    const { a, b } = pair();
    const numbers = { integer: () => 7 } as unknown as RandomStream;
    const term = (a: tf.Tensor2D, b: tf.Tensor2D): LoraTerm => ({ pair: { a, b }, scale: 0.5, dropout: { rate: 0.5, random: numbers } });
    const { result, products } = rememberProducts(() => adaptedLinear(input, frozen, term(a, b)));
    expect(products).toHaveLength(1);
    expect([...(await products[0]!.data())]).toEqual([...(await result.data())]);
    const gradients = (run: (x: tf.Tensor2D, a: tf.Tensor2D, b: tf.Tensor2D) => tf.Tensor): number[][] =>
      tf
        .grads((x, a, b) => tf.square(run(x as tf.Tensor2D, a as tf.Tensor2D, b as tf.Tensor2D)))([input, a, b])
        .map((gradient) => [...gradient.dataSync<'float32'>()]);
    const expected = gradients((x, a, b) => adaptedLinear(x, frozen, term(a, b)));
    expect(gradients((x, a, b) => recallProducts(products, () => adaptedLinear(x, frozen, term(a, b))))).toEqual(expected);
    expect(expected.flat().some((value) => value !== 0)).toBe(true);
  });

  it('keeps its result and the narrow product for the gradient, and neither the base product nor what is dropped', () => {
    const [input, frozen] = [tf.ones<Rank.R2>([4, 3]), weight()];
    const { a, b } = pair();
    const random = { integer: () => 7 } as unknown as RandomStream;
    type Compute = (x: tf.Tensor2D, pair: LoraPair) => tf.Tensor;
    /** Buffers that are there on the tape behind the operation, besides those before it. */
    const held = (compute: Compute): number => {
      let made = NaN;
      const gradients = tf.grads((x, a, b) => {
        const before = tf.memory().numDataBuffers;
        const y = compute(x as tf.Tensor2D, { a: a as tf.Tensor2D, b: b as tf.Tensor2D });
        made = tf.memory().numDataBuffers - before;
        return y;
      })([input, a, b]);
      tf.dispose(gradients);
      return made;
    };
    const dropout = { rate: 0.5, random };
    const tensors = tf.memory().numTensors;
    expect(held((x, pair) => adaptedLinear(x, frozen, { pair, scale: 1, dropout }))).toBe(2);
    // One after the other: the base product and what is left of the input, too.
    expect(held((x, pair) => loraLinear(x, linear(x, frozen), pair, 1, dropout))).toBe(4);
    expect(tf.memory().numTensors).toBe(tensors);
  });
});
