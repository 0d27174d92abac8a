import type { Tensor, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import { defineDomainKernel } from './domain-kernel.js';
import { tf } from './tensorflow.js';

const softmaxGradKernel = defineDomainKernel<{ y: Tensor; dy: Tensor }, Record<never, never>>({
  name: 'NlaSoftmaxGrad',
  compose({ inputs: { y, dy } }) {
    return tf.mul(y, tf.sub(dy, tf.sum(tf.mul(y, dy), -1, true)));
  },
});

const maskedSoftmaxKernel = defineDomainKernel<{ scores: Tensor4D; valid: Tensor2D }, { window: number; offset: number }>({
  name: 'NlaMaskedSoftmax',
  compose({ inputs: { scores, valid }, attrs: { window, offset } }) {
    const [batch, , queries, keys] = scores.shape;
    const visible = tf.mul(
      tf.tensor4d(bandOfVisibleKeys(queries, keys, window, offset), [1, 1, queries, keys]),
      tf.reshape(valid, [batch, 1, 1, keys]),
    );
    // Masked scores become very low before the maximum is taken, and their exponentials are set to exactly 0 afterwards: a row with no
    // visible key would otherwise become uniform.
    const masked = tf.where(tf.greater(visible, 0.5), scores, tf.fill([1, 1, 1, 1], -1e30));
    const exponentials = tf.mul(tf.exp(tf.sub(masked, tf.max(masked, -1, true))), visible);
    const sums = tf.sum(exponentials, -1, true);
    return tf.div(exponentials, tf.where(tf.greater(sums, 0), sums, tf.onesLike(sums)));
  },
  gradient: {
    saves: [],
    savesOutputs: [true],
    of: ({ dy: [dy], outputs: [y] }) => ({
      scores: () => softmaxGrad(y as Tensor, dy as Tensor),
    }),
  },
});

/** `y (dy - sum(y dy))` over the last axis: the gradient of a softmax whose values are `y`. */
export function softmaxGrad<Y extends Tensor>(y: Y, dy: Tensor): Y {
  return softmaxGradKernel.run<Y>({ y, dy }, {});
}

/**
 * Softmax over the keys a query may see. The query in row `t` has absolute index `t + offset`; key `s` is visible to it iff
 * `s <= t + offset`, and `s > t + offset - window` unless `window` is 0, and `valid[batch, s]` is 1. A row that sees no key is all
 * zeros. Differentiable in `scores`.
 *
 * @param scores `[batch, head, query, key]`
 * @param valid `[batch, key]`, 1 or 0
 */
export function maskedSoftmax(scores: Tensor4D, valid: Tensor2D, window: number, offset: number): Tensor4D {
  return maskedSoftmaxKernel.run<Tensor4D>({ scores, valid }, { window, offset });
}

function bandOfVisibleKeys(queries: number, keys: number, window: number, offset: number): Float32Array {
  const band = new Float32Array(queries * keys);
  for (let query = 0; query < queries; query++) {
    const last = Math.min(query + offset, keys - 1);
    const first = window === 0 ? 0 : Math.max(0, query + offset - window + 1);
    for (let key = first; key <= last; key++) band[query * keys + key] = 1;
  }
  return band;
}
