import { NlaError, type LoraPair, type RandomStream } from '@nlakit/core';
import type { Tensor, Tensor2D } from '@tensorflow/tfjs-core';
import { defineDomainKernel } from './domain-kernel.js';
import { linear } from './linear.js';
import { tf } from './tensorflow.js';

/** Dropout on the input of the adapter's first matrix, as PEFT has it. */
export interface LoraDropout {
  /** Probability that an element is dropped, in [0, 1); the others are divided by `1 - rate`. */
  readonly rate: number;
  /** One uniform number is drawn per element of the input. */
  readonly random: RandomStream;
}

const loraUpGradKernel = defineDomainKernel<{ dy: Tensor2D; low: Tensor2D; b: Tensor2D }, { scale: number }>({
  name: 'NlaLoraUpGrad',
  compose({ inputs: { dy, low, b }, attrs: { scale } }) {
    return [tf.mul(tf.matMul(dy, b), scale), tf.matMul(dy, tf.mul(low, scale), true, false)];
  },
});

/**
 * `base + scale * low bᵀ`: one kernel for what would be product, factor and sum, each recorded and its operands kept. There is one for
 * every adapted linear.
 */
const loraUpKernel = defineDomainKernel<{ base: Tensor2D; low: Tensor2D; b: Tensor2D }, { scale: number }>({
  name: 'NlaLoraUp',
  compose({ inputs: { base, low, b }, attrs: { scale } }) {
    // The scale goes on the narrow tensor in the middle, the cheapest place.
    return tf.add(base, tf.matMul(tf.mul(low, scale), b, false, true));
  },
  gradient: {
    saves: ['low', 'b'],
    of({ dy: [dy], inputs: { low, b }, attrs }) {
      const gradient = dy as Tensor2D;
      // Both at once, as in geglu: what is made inside one of the functions below is freed before the other runs.
      const [lowGradient, bGradient] = loraUpGradKernel.outputs({ dy: gradient, low: low as Tensor2D, b: b as Tensor2D }, attrs);
      return { base: () => tf.clone(gradient), low: () => lowGradient as Tensor, b: () => bGradient as Tensor };
    },
  },
});

/**
 * Adds the term of a LoRA pair to the result of the base linear: `base + scale * (dropout(x) Aᵀ) Bᵀ`.
 * Differentiable in `x`, `base`, `pair.a` and `pair.b`.
 *
 * @param x `[..., in]`, the input of the base linear
 * @param base `[..., out]`, its result
 * @param pair `a [rank, in]`, `b [out, rank]`
 * @param scale `alpha / rank`, or `alpha / sqrt(rank)` when rank-stabilised
 *
 * Throws `E_DROPOUT_RATE`.
 */
export function loraLinear(x: Tensor, base: Tensor, pair: LoraPair, scale: number, dropout?: LoraDropout): Tensor {
  return tf.tidy(() => {
    const input = dropout === undefined || dropout.rate === 0 ? x : tf.mul(x, dropoutMask(x.shape, dropout));
    const low = linear(input, pair.a);
    if (base.rank === 2) return loraUpKernel.run({ base: base as Tensor2D, low: low as Tensor2D, b: pair.b }, { scale });
    const [out, rank] = pair.b.shape;
    const rows = { base: tf.reshape<tf.Rank.R2>(base, [-1, out]), low: tf.reshape<tf.Rank.R2>(low, [-1, rank]) };
    return tf.reshape(loraUpKernel.run({ ...rows, b: pair.b }, { scale }), base.shape);
  });
}

function dropoutMask(shape: readonly number[], { rate, random }: LoraDropout): Tensor {
  if (!(rate >= 0 && rate < 1)) {
    throw new NlaError('E_DROPOUT_RATE', {
      message: 'A dropout rate is a probability below 1.',
      found: String(rate),
      expected: '0 <= rate < 1',
      kind: 'input',
    });
  }
  const kept = 1 / (1 - rate);
  const mask = new Float32Array(shape.reduce((product, size) => product * size, 1));
  for (let index = 0; index < mask.length; index++) mask[index] = random.uniform() < rate ? 0 : kept;
  return tf.tensor(mask, [...shape]);
}
