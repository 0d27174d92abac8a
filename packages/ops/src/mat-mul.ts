import { NlaError } from '@nlakit/core';
import type { Tensor } from '@tensorflow/tfjs-core';
import { tf } from './tensorflow.js';

/**
 * Products of matrices, batch by batch, the batches broadcast against each other in any way: `[2, 1, m, k]` by `[1, 3, k, n]` is
 * `[2, 3, m, n]`. Differentiable in both. What `tf.matMul` of tfjs does not do everywhere: its engine in JavaScript gives NaN where both
 * operands are broadcast, its WebGPU engine throws, and the gradient of an operand that is broadcast has the wrong shape on all of them.
 * An operand whose batch is not that of the result is repeated in memory.
 *
 * @param a `[...batch, m, k]`, or `[...batch, k, m]` if `transposeA`
 * @param b `[...batch, k, n]`, or `[...batch, n, k]` if `transposeB`
 * @returns `[...batch, m, n]`
 *
 * Throws `E_MATMUL_SHAPE`.
 */
export function matMul(a: Tensor, b: Tensor, transposeA = false, transposeB = false): Tensor {
  const batch = batchOf(a.shape, b.shape);
  const [inner, other] = [a.shape.at(transposeA ? -2 : -1), b.shape.at(transposeB ? -1 : -2)];
  if (batch === undefined || inner !== other) {
    throw new NlaError('E_MATMUL_SHAPE', {
      message: 'The shapes of the operands of a product do not fit together.',
      found: `a [${a.shape.join()}]${transposeA ? ' transposed' : ''}, b [${b.shape.join()}]${transposeB ? ' transposed' : ''}`,
      expected: 'equal inner dimensions, and batches that are equal on every axis or 1 in one of the two',
      fix: 'Reshape the operands, or cut them to the same batch.',
    });
  }
  return tf.tidy(() => {
    const [left, right] = [a, b].map((x) => {
      const shape = [...batch, ...x.shape.slice(-2)];
      return x.shape.join() === shape.join() ? x : tf.broadcastTo(x, shape);
    }) as [Tensor, Tensor];
    return tf.matMul(left, right, transposeA, transposeB);
  });
}

/** The batch of the product; `undefined` if there is none. */
function batchOf(a: readonly number[], b: readonly number[]): number[] | undefined {
  if (a.length < 2 || b.length < 2) return undefined;
  const rank = Math.max(a.length, b.length) - 2;
  const extents = Array.from({ length: rank }, (_, axis) => {
    const [one, other] = [a, b].map((shape) => shape[axis + shape.length - 2 - rank] ?? 1) as [number, number];
    return one === 1 ? other : other === 1 || other === one ? one : undefined;
  });
  return extents.every((extent) => extent !== undefined) ? extents : undefined;
}
