import type { LoraDropout, LoraPair } from '@nlakit/core';
import type { Tensor, Tensor2D } from '@tensorflow/tfjs-core';
import { defineDomainKernel } from './domain-kernel.js';
import { dropout } from './dropout.js';
import { tf } from './tensorflow.js';

type LoraInputs = { x: Tensor2D; base: Tensor2D; a: Tensor2D; b: Tensor2D };

type PairGradInputs = { x: Tensor2D; low: Tensor2D; b: Tensor2D; dy: Tensor2D };

const pairGradKernel = defineDomainKernel<PairGradInputs, { scale: number }>({
  name: 'NlaLoraPairGrad',
  compose({ inputs: { x, low, b, dy }, attrs: { scale } }) {
    const dLow = tf.mul(tf.matMul(dy, b), scale);
    return [tf.matMul(dLow, x, true, false), tf.matMul(dy, tf.mul(low, scale), true, false), dLow];
  },
});

/**
 * Gradients of a pair, and of the narrow tensor between its matrices: `dLow = scale * dy B`, `dA = dLowᵀ x`, `dB = scale * dyᵀ low`. That
 * of the input is `dLow A`.
 *
 * @param inputs `x [rows, in]`, `low = x Aᵀ [rows, rank]`, `b [out, rank]`, `dy [rows, out]`
 * @returns new tensors `[dA, dB, dLow]`
 */
export function loraPairGrad(inputs: PairGradInputs, scale: number): [aGradient: Tensor2D, bGradient: Tensor2D, dLow: Tensor2D] {
  return pairGradKernel.outputs(inputs, { scale }) as [Tensor2D, Tensor2D, Tensor2D];
}

/**
 * `base + scale * (x aᵀ) bᵀ`, and the narrow `x aᵀ`: one kernel for what would be two products, a factor and a sum, each recorded and its
 * operands kept. There is one for every adapted linear.
 */
const loraKernel = defineDomainKernel<LoraInputs, { scale: number }>({
  name: 'NlaLora',
  compose({ inputs: { x, base, a, b }, attrs: { scale } }) {
    const low = tf.matMul(x, a, false, true);
    // The scale goes on the narrow tensor in the middle, the cheapest place.
    return [tf.add(base, tf.matMul(tf.mul(low, scale), b, false, true)), low];
  },
  gradient: {
    saves: ['x', 'a', 'b'],
    savesOutputs: [false, true],
    of({ dy: [dy], inputs, outputs: [low], attrs }) {
      const gradient = dy as Tensor2D;
      const { x, a, b } = inputs as LoraInputs;
      // All at once, as in geglu: what is made inside one of the functions below is freed before the next runs.
      const [aGradient, bGradient, dLow] = loraPairGrad({ x, low: low as Tensor2D, b, dy: gradient }, attrs.scale);
      return { x: () => tf.matMul(dLow, a), base: () => tf.clone(gradient), a: () => aGradient, b: () => bGradient };
    },
  },
});

/** The results of that kernel: `[base + scale * (x aᵀ) bᵀ, x aᵀ]`, new tensors. */
export function loraOutputs(inputs: LoraInputs, scale: number): Tensor[] {
  return loraKernel.outputs(inputs, { scale });
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
export function loraLinear(x: Tensor, base: Tensor, pair: LoraPair, scale: number, drop?: LoraDropout): Tensor {
  return tf.tidy(() => {
    const input = drop === undefined ? x : dropout(x, drop.rate, drop.random);
    if (base.rank === 2) return loraKernel.run({ x: input as Tensor2D, base: base as Tensor2D, ...pair }, { scale });
    const [[out], [, inn]] = [pair.b.shape, pair.a.shape];
    const rows = { x: tf.reshape<tf.Rank.R2>(input, [-1, inn]), base: tf.reshape<tf.Rank.R2>(base, [-1, out]) };
    return tf.reshape(loraKernel.run({ ...rows, ...pair }, { scale }), base.shape);
  });
}
