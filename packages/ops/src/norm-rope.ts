import type { Tensor, Tensor1D, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs-core';
import { defineDomainKernel, type DomainKernel } from './domain-kernel.js';
import { rmsNorm, rmsNormGrad, rmsNormWeightGrad } from './rms-norm.js';
import { rope, unrotated } from './rope.js';
import { tf } from './tensorflow.js';

type NormRopeInputs = { x: Tensor2D; weight: Tensor1D; cos: Tensor3D; sin: Tensor3D };

const normRopeGradKernel = defineDomainKernel<NormRopeInputs & { dy: Tensor4D }, { epsilon: number }>({
  name: 'NlaNormRopeGrad',
  compose: ({ inputs: { x, weight, cos, sin, dy }, attrs: { epsilon } }) =>
    tf.reshape(rmsNormGrad(byHead(x, cos), weight, unrotated(dy, cos, sin), epsilon), x.shape),
});

const normRopeKernel: DomainKernel<NormRopeInputs, { epsilon: number }> = defineDomainKernel({
  name: 'NlaNormRope',
  compose: ({ inputs: { x, weight, cos, sin }, attrs: { epsilon } }) => rope(rmsNorm(byHead(x, cos), weight, epsilon), cos, sin),
  gradient: {
    saves: ['x', 'weight', 'cos', 'sin'],
    of({ dy: [dy], inputs, attrs }) {
      const { x, weight, cos, sin } = inputs as NormRopeInputs;
      const gradient = dy as Tensor4D;
      return {
        x: () => normRopeGradKernel.run({ x, weight, cos, sin, dy: gradient }, attrs),
        weight: () => tf.tidy(() => rmsNormWeightGrad(byHead(x, cos) as Tensor, unrotated(gradient, cos, sin), attrs.epsilon)),
      };
    },
  },
});

/**
 * What stands between a projection and attention: the result by heads, each normed ({@link rmsNorm}) and then rotated ({@link rope}).
 * One kernel for three. Differentiable in `x` and `weight`.
 *
 * @param x `[batch * position, head * headDim]`
 * @param weight `[headDim]`
 * @param cos `[batch or 1, position, headDim / 2]`, from {@link ropeTables}
 * @param sin the same shape as `cos`
 * @returns `[batch, position, head, headDim]`
 */
export function normRope(x: Tensor2D, weight: Tensor1D, cos: Tensor3D, sin: Tensor3D, epsilon: number): Tensor4D {
  // Engines read the number of positions off the tables, and divide by it.
  if (x.size === 0) return tf.tidy(() => rope(rmsNorm(byHead(x, cos), weight, epsilon), cos, sin));
  return normRopeKernel.run<Tensor4D>({ x, weight, cos, sin }, { epsilon });
}

/** `[batch * position, head * headDim]` as `[batch, position, head, headDim]`; the tables know positions and half the width of a head. */
function byHead(x: Tensor2D, { shape: [tables, positions, half] }: Tensor3D): Tensor4D {
  const [rows, width] = x.shape;
  // Without a position nothing but the tables tells how many texts there are.
  return tf.reshape(x, [positions === 0 ? tables : rows / positions, positions, width / (2 * half), 2 * half]);
}
