import type { Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import { defineDomainKernel } from './domain-kernel.js';
import { tf } from './tensorflow.js';

const softcapLogSumExpKernel = defineDomainKernel<{ logits: Tensor2D }, { softcap: number }>({
  name: 'NlaSoftcapLogSumExp',
  compose({ inputs: { logits }, attrs: { softcap } }) {
    const capped = softcapped(logits, softcap);
    const highest = tf.max(capped, 1, true);
    return tf.add(tf.log(tf.sum(tf.exp(tf.sub(capped, highest)), 1)), tf.squeeze(highest, [1]));
  },
});

const softcapCrossEntropyGradKernel = defineDomainKernel<
  { logits: Tensor2D; targets: Tensor1D; lse: Tensor1D; dy: Tensor1D },
  { softcap: number }
>({
  name: 'NlaSoftcapCrossEntropyGrad',
  compose({ inputs: { logits, targets, lse, dy }, attrs: { softcap } }) {
    const [rows, width] = logits.shape;
    const column = (vector: Tensor1D): Tensor2D => tf.reshape(vector, [rows, 1]);
    const capped = softcapped(logits, softcap);
    const oneHot = tf.cast(tf.equal(column(targets), tf.range(0, width, 1, 'int32')), 'float32');
    const slope = tf.mul(tf.sub(tf.exp(tf.sub(capped, column(lse))), oneHot), column(dy));
    return softcap === 0 ? slope : tf.mul(slope, tf.sub(1, tf.square(tf.mul(capped, 1 / softcap))));
  },
});

const softcapKernel = defineDomainKernel<{ x: Tensor }, { softcap: number }>({
  name: 'NlaSoftcap',
  compose: ({ inputs: { x }, attrs: { softcap } }) => tf.mul(tf.tanh(tf.mul(x, 1 / softcap)), softcap),
  gradient: {
    saves: [],
    savesOutputs: [true],
    of: ({ dy: [dy], outputs: [y], attrs: { softcap } }) => ({
      x: () => tf.mul(dy as Tensor, tf.sub(1, tf.square(tf.mul(y as Tensor, 1 / softcap)))),
    }),
  },
});

/** `softcap * tanh(x / softcap)`, or `x` itself if `softcap` is 0. Differentiable. */
export function softcapped<X extends Tensor>(x: X, softcap: number): X {
  return softcap === 0 ? x : softcapKernel.run<X>({ x }, { softcap });
}

/**
 * The logarithm of the sum of the exponentials of the softcapped logits, per row. Not differentiable by itself.
 *
 * @param logits `[row, vocabulary]`, raw: before the softcap
 * @returns `[row]`
 */
export function softcapLogSumExp(logits: Tensor2D, softcap: number): Tensor1D {
  return softcapLogSumExpKernel.run<Tensor1D>({ logits }, { softcap });
}

/**
 * Gradient of the softcapped cross-entropy with respect to the raw logits of one vocabulary chunk:
 * `dy * (softmax - onehot) * (1 - tanh^2)`.
 *
 * @param logits `[row, chunk]`, raw
 * @param targets `[row]` int32, index within the chunk; outside `[0, chunk)` where the target lies in another chunk
 * @param lse `[row]`, over the whole vocabulary
 * @param dy `[row]`
 */
export function softcapCrossEntropyGrad(logits: Tensor2D, targets: Tensor1D, lse: Tensor1D, dy: Tensor1D, softcap: number): Tensor2D {
  return softcapCrossEntropyGradKernel.run<Tensor2D>({ logits, targets, lse, dy }, { softcap });
}
