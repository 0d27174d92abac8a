import type { Tensor } from '@tensorflow/tfjs-core';
import { defineDomainKernel } from './domain-kernel.js';
import { tf } from './tensorflow.js';

const ROOT_TWO_OVER_PI = Math.sqrt(2 / Math.PI);
const CUBIC = 0.044715;

const gegluGradKernel = defineDomainKernel<{ gate: Tensor; up: Tensor; dy: Tensor }, Record<never, never>>({
  name: 'NlaGegluGrad',
  compose({ inputs: { gate, up, dy } }) {
    const t = innerTanh(gate);
    const halfOnePlusT = tf.mul(tf.add(t, 1), 0.5);
    const slopeOfInner = tf.mul(tf.add(tf.mul(tf.square(gate), 3 * CUBIC), 1), ROOT_TWO_OVER_PI);
    const slopeOfTanh = tf.mul(tf.sub(1, tf.square(t)), slopeOfInner);
    const slope = tf.add(halfOnePlusT, tf.mul(tf.mul(gate, 0.5), slopeOfTanh));
    return [tf.mul(tf.mul(dy, up), slope), tf.mul(dy, tf.mul(gate, halfOnePlusT))];
  },
});

const gegluKernel = defineDomainKernel<{ gate: Tensor; up: Tensor }, Record<never, never>>({
  name: 'NlaGeglu',
  compose({ inputs: { gate, up } }) {
    return tf.mul(tf.mul(gate, tf.mul(tf.add(innerTanh(gate), 1), 0.5)), up);
  },
  gradient: {
    saves: ['gate', 'up'],
    of({ dy: [dy], inputs: { gate, up } }) {
      // Both at once, and here rather than in the functions below: one of the two is needed for certain, they share their costly part,
      // and a tensor made inside one of the functions is freed before the other runs.
      const [gateGradient, upGradient] = gegluGradKernel.outputs({ gate: gate as Tensor, up: up as Tensor, dy: dy as Tensor }, {});
      return { gate: () => gateGradient as Tensor, up: () => upGradient as Tensor };
    },
  },
});

/**
 * Gated linear unit with the tanh form of GELU: `0.5 g (1 + tanh(sqrt(2 / pi) (g + 0.044715 g^3))) * up`.
 * Differentiable in both; they have the same shape.
 */
export function geglu<X extends Tensor>(gate: X, up: X): X {
  return gegluKernel.run<X>({ gate, up }, {});
}

function innerTanh(z: Tensor): Tensor {
  return tf.tanh(tf.mul(tf.mul(z, ROOT_TWO_OVER_PI), tf.add(tf.mul(tf.square(z), CUBIC), 1)));
}
