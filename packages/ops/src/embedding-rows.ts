import { NlaError } from '@nlakit/core';
import type { Tensor, Tensor2D } from '@tensorflow/tfjs-core';
import { tf } from './tensorflow.js';

/**
 * Rows of an embedding table. Differentiable in the table.
 *
 * @param table `[vocabulary, width]`
 * @param ids token ids, row-major in `shape`
 * @param shape for instance `[batch, position]`
 * @returns `[...shape, width]`
 *
 * Throws `E_TOKEN_OUT_OF_RANGE`: backends differ in what they do with an index outside the table, and some read past it.
 */
export function embeddingRows(table: Tensor2D, ids: Int32Array, shape: readonly number[]): Tensor {
  const [vocabulary, width] = table.shape;
  const outside = ids.findIndex((id) => id < 0 || id >= vocabulary);
  if (outside >= 0) {
    throw new NlaError('E_TOKEN_OUT_OF_RANGE', {
      message: 'A token id is not in the embedding table.',
      found: `${ids[outside]} at index ${outside}`,
      expected: `0 <= id < ${vocabulary}`,
      fix: 'Use the tokenizer that belongs to this model.',
    });
  }
  return tf.tidy(() => tf.reshape(tf.gather(table, tf.tensor1d(ids, 'int32')), [...shape, width]));
}
