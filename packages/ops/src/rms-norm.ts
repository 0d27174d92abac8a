import type { Tensor, Tensor1D } from '@tensorflow/tfjs-core';
import { defineDomainKernel, type DomainKernel } from './domain-kernel.js';
import { tf } from './tensorflow.js';

const rmsNormGradKernel = defineDomainKernel<{ x: Tensor; weight?: Tensor | undefined; dy: Tensor }, { epsilon: number }>({
  name: 'NlaRmsNormGrad',
  compose({ inputs: { x, weight, dy }, attrs: { epsilon } }) {
    const inverse = inverseRootMeanSquare(x, epsilon);
    const g = weight === undefined ? dy : tf.mul(dy, weight);
    const along = tf.mean(tf.mul(g, x), -1, true);
    return tf.mul(inverse, tf.sub(g, tf.mul(x, tf.mul(tf.square(inverse), along))));
  },
});

const rmsNormKernel: DomainKernel<{ x: Tensor; weight?: Tensor | undefined }, { epsilon: number }> = defineDomainKernel({
  name: 'NlaRmsNorm',
  compose({ inputs: { x, weight }, attrs: { epsilon } }) {
    const y = tf.mul(x, inverseRootMeanSquare(x, epsilon));
    return weight === undefined ? y : tf.mul(y, weight);
  },
  gradient: {
    saves: ['x', 'weight'],
    of({ dy: [dy], inputs: { x, weight }, attrs }) {
      const gradient = dy as Tensor;
      const input = x as Tensor;
      return {
        x: () => rmsNormGrad(input, weight, gradient, attrs.epsilon),
        weight: () => rmsNormWeightGrad(input, gradient, attrs.epsilon),
      };
    },
  },
});

/**
 * Root-mean-square normalisation over the last axis: `x * (mean(x^2) + epsilon)^(-1/2) * weight`, epsilon inside the root and the
 * weight used as it is, as in Gemma 4 (Gemma 3 multiplies by 1 + weight).
 *
 * @param x `[..., width]`
 * @param weight `[width]`, or `undefined` for a normalisation without one. Differentiable, like `x`.
 * @returns a new tensor of the shape of `x`
 */
export function rmsNorm<X extends Tensor>(x: X, weight: Tensor1D | undefined, epsilon: number): X {
  return rmsNormKernel.run<X>({ x, weight }, { epsilon });
}

type AddInputs = { residual: Tensor; x: Tensor; weight?: Tensor | undefined };

/** One kernel for the norm at the end of a branch and the sum that takes it into the residual stream: there are three in every block. */
const rmsNormAddKernel = defineDomainKernel<AddInputs, { epsilon: number }>({
  name: 'NlaRmsNormAdd',
  compose: ({ inputs: { residual, x, weight }, attrs }) => tf.add(residual, rmsNormKernel.run({ x, weight }, attrs)),
  gradient: {
    saves: ['x', 'weight'],
    of({ dy: [dy], inputs: { x, weight }, attrs }) {
      const gradient = dy as Tensor;
      const input = x as Tensor;
      return {
        residual: () => tf.clone(gradient),
        x: () => rmsNormGrad(input, weight, gradient, attrs.epsilon),
        weight: () => rmsNormWeightGrad(input, gradient, attrs.epsilon),
      };
    },
  },
});

/** The same times a scalar, as at the end of a block. */
const rmsNormAddScaledKernel = defineDomainKernel<AddInputs & { scale: Tensor }, { epsilon: number }>({
  name: 'NlaRmsNormAddScaled',
  compose: ({ inputs: { scale, ...added }, attrs }) => tf.mul(rmsNormAddKernel.run(added, attrs), scale),
  gradient: {
    saves: ['residual', 'x', 'weight', 'scale'],
    of({ dy: [dy], inputs, attrs }) {
      const { residual, x, weight, scale } = inputs as AddInputs & { scale: Tensor };
      // At once, as two of the functions below need it: what is made inside one of them is freed before the next runs.
      const slope = tf.mul(dy as Tensor, scale);
      return {
        residual: () => tf.clone(slope),
        x: () => rmsNormGrad(x, weight, slope, attrs.epsilon),
        weight: () => rmsNormWeightGrad(x, slope, attrs.epsilon),
        scale: () => tf.reshape(tf.sum(tf.mul(dy as Tensor, rmsNormAddKernel.run({ residual, x, weight }, attrs))), scale.shape),
      };
    },
  },
});

/**
 * `residual + rmsNorm(x, weight, epsilon)`, see {@link rmsNorm}, and that times `scale` if it is given. Differentiable in all.
 *
 * @param residual `[..., width]`, the shape of `x`
 * @param scale `[1]`
 */
export function rmsNormAdd<X extends Tensor>(residual: X, x: X, weight: Tensor1D | undefined, epsilon: number, scale?: Tensor1D): X {
  if (scale === undefined) return rmsNormAddKernel.run<X>({ residual, x, weight }, { epsilon });
  return rmsNormAddScaledKernel.run<X>({ residual, x, weight, scale }, { epsilon });
}

/** The gradient of {@link rmsNorm} in `x`, given that of its result. */
export function rmsNormGrad<X extends Tensor>(x: X, weight: Tensor | undefined, dy: Tensor, epsilon: number): X {
  return rmsNormGradKernel.run<X>({ x, weight, dy }, { epsilon });
}

/** The gradient of {@link rmsNorm} in its weight, given that of its result. */
export function rmsNormWeightGrad(x: Tensor, dy: Tensor, epsilon: number): Tensor {
  return tf.tidy(() => tf.sum(tf.reshape(tf.mul(dy, rmsNormKernel.run({ x }, { epsilon })), [-1, x.shape[x.rank - 1] ?? 1]), 0));
}

function inverseRootMeanSquare(x: Tensor, epsilon: number): Tensor {
  return tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), epsilon));
}
