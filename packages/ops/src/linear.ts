import type { Tensor, Tensor2D } from '@tensorflow/tfjs-core';
import { tf } from './tensorflow.js';

/**
 * `x Wᵀ`, without a bias. Differentiable in both.
 *
 * @param x `[..., in]`
 * @param weight `[out, in]`, as checkpoints store it
 * @returns `[..., out]`
 */
export function linear(x: Tensor, weight: Tensor2D): Tensor {
  // The decoder works on [rows, width]: two reshapes fewer, each of which would also be recorded for the gradient.
  if (x.rank === 2) return tf.matMul(x, weight, false, true);
  return tf.tidy(() => {
    const width = x.shape[x.rank - 1] ?? 1;
    const product = tf.matMul(tf.reshape(x, [-1, width]), weight, false, true);
    return tf.reshape(product, [...x.shape.slice(0, -1), weight.shape[0]]);
  });
}
