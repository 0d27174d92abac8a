import { NlaError, type LoraPair, type RandomStream } from '@nlakit/core';
import type { Tensor } from '@tensorflow/tfjs-core';
import { linear } from './linear.js';
import { tf } from './tensorflow.js';

/** Dropout on the input of the adapter's first matrix, as PEFT has it. */
export interface LoraDropout {
  /** Probability that an element is dropped, in [0, 1); the others are divided by `1 - rate`. */
  readonly rate: number;
  /** One uniform number is drawn per element of the input. */
  readonly random: RandomStream;
}

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
    // The scale goes on the narrow tensor in the middle, the cheapest place.
    return tf.add(base, linear(tf.mul(linear(input, pair.a), scale), pair.b));
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
