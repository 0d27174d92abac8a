import type { LoraTerm } from '@nlakit/core';
import type { Tensor, Tensor2D } from '@tensorflow/tfjs-core';
import { defineAdaptedLinear } from './adapted-linear.js';
import { defineDomainKernel } from './domain-kernel.js';
import { productOf } from './remembered-products.js';
import { tf } from './tensorflow.js';

/** A product that is known already, with the gradients of the product. */
const knownLinearKernel = defineDomainKernel<{ x: Tensor2D; weight: Tensor2D; known: Tensor2D }, Record<never, never>>({
  name: 'NlaKnownLinear',
  compose: ({ inputs: { known } }) => tf.clone(known),
  gradient: {
    saves: ['x', 'weight'],
    of: ({ dy: [dy], inputs: { x, weight } }) => ({
      x: () => tf.matMul(dy as Tensor2D, weight as Tensor2D),
      weight: () => tf.matMul(dy as Tensor2D, x as Tensor2D, true, false),
    }),
  },
});

/**
 * `x Wᵀ`, without a bias. Differentiable in both.
 *
 * @param x `[..., in]`
 * @param weight `[out, in]`, as checkpoints store it
 * @returns `[..., out]`
 */
export function linear(x: Tensor, weight: Tensor2D): Tensor {
  const multiplied = (rows: Tensor2D): Tensor =>
    productOf(
      weight.shape,
      () => tf.matMul(rows, weight, false, true),
      (known) => knownLinearKernel.run({ x: rows, weight, known: known as Tensor2D }, {}),
    );
  // The decoder works on [rows, width]: two reshapes fewer, each of which would also be recorded for the gradient.
  if (x.rank === 2) return multiplied(x as Tensor2D);
  return tf.tidy(() => {
    const width = x.shape[x.rank - 1] ?? 1;
    return tf.reshape(multiplied(tf.reshape(x, [-1, width])), [...x.shape.slice(0, -1), weight.shape[0]]);
  });
}

const adapted = defineAdaptedLinear({
  name: 'Plain',
  weight: ['weight'],
  forward: (x, { weight }) => tf.matMul(x, weight as Tensor2D, false, true),
  inputGradient: (dy, { weight }) => tf.matMul(dy, weight as Tensor2D),
});

/**
 * `x Wᵀ + scale * (dropout(x) Aᵀ) Bᵀ` as one operation. Differentiable in `x` and the pair, not in the weight.
 *
 * @param x `[rows, in]`
 * @param weight `[out, in]`
 * @returns `[rows, out]`
 *
 * Throws `E_DROPOUT_RATE`.
 */
export function adaptedLinear(x: Tensor2D, weight: Tensor2D, term: LoraTerm): Tensor2D {
  return adapted({ x, weight: { weight }, attrs: {}, shape: weight.shape, term });
}
