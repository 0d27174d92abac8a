import type { Tensor3D, Tensor4D } from '@tensorflow/tfjs-core';
import { defineDomainKernel, type DomainKernel } from './domain-kernel.js';
import { tf } from './tensorflow.js';

const ropeKernel: DomainKernel<{ x: Tensor4D; cos: Tensor3D; sin: Tensor3D }, { inverse: boolean }> = defineDomainKernel({
  name: 'NlaRope',
  compose({ inputs: { x, cos, sin }, attrs: { inverse } }) {
    const [first, second] = tf.split(x, 2, 3) as [Tensor4D, Tensor4D];
    const c = tf.expandDims(cos, 2);
    const s = tf.expandDims(inverse ? tf.neg(sin) : sin, 2);
    return tf.concat([tf.sub(tf.mul(first, c), tf.mul(second, s)), tf.add(tf.mul(second, c), tf.mul(first, s))], 3);
  },
  gradient: {
    saves: ['cos', 'sin'],
    of: ({ dy: [dy], inputs: { cos, sin }, attrs: { inverse } }) => ({
      // A rotation is orthogonal, so its transpose is the rotation by the opposite angle.
      x: () => ropeKernel.run({ x: dy as Tensor4D, cos: cos as Tensor3D, sin: sin as Tensor3D }, { inverse: !inverse }),
    }),
  },
});

/**
 * Rotary position embedding with split-half pairing: element `i` of a head turns with element `i + headDim / 2`.
 * Differentiable in `x`; the tables are constants.
 *
 * @param x `[batch, position, head, headDim]`
 * @param cos `[batch or 1, position, headDim / 2]`, from {@link ropeTables}
 * @param sin the same shape as `cos`
 */
export function rope(x: Tensor4D, cos: Tensor3D, sin: Tensor3D): Tensor4D {
  // The tables of a text without a position say nothing.
  if (x.size === 0) return tf.clone(x);
  return ropeKernel.run<Tensor4D>({ x, cos, sin }, { inverse: false });
}

/** The rotation back: the gradient of {@link rope} in `x`, given that of its result. */
export function unrotated(dy: Tensor4D, cos: Tensor3D, sin: Tensor3D): Tensor4D {
  return ropeKernel.run<Tensor4D>({ x: dy, cos, sin }, { inverse: true });
}
