import { NlaError } from '@nlakit/core';
import type { Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs-core';
import { maskedSoftmax } from './masked-softmax.js';
import { tf } from './tensorflow.js';

/** What {@link causalAttention} needs. */
export interface CausalAttentionOptions {
  /** `[batch, query, head, headDim]` */
  readonly q: Tensor4D;
  /** `[batch, key, kvHead, headDim]`; `head` is a multiple of `kvHead`, and head `h` reads kv head `floor(h * kvHead / head)`. */
  readonly k: Tensor4D;
  /** The shape of `k`. */
  readonly v: Tensor4D;
  /** `[batch, key]`, 1 for a token and 0 for padding. */
  readonly valid: Tensor2D;
  /** Number of keys a query sees, itself included; 0 for all before it. */
  readonly window: number;
  /** Absolute index of the first query: how many cached keys precede the new ones. */
  readonly offset: number;
  /** Factor on the scores. 1 in Gemma 4, `headDim^(-1/2)` in most other models. */
  readonly scale: number;
}

/**
 * Causal attention with grouped heads: `softmax(scale * q kᵀ) v` over the visible keys, see {@link maskedSoftmax}. Differentiable in
 * `q`, `k` and `v`. The queries of the heads that share a kv head are the rows of one matrix, so keys and values are never repeated.
 *
 * @returns `[batch, query, head, headDim]`
 *
 * Throws `E_ATTENTION_SHAPE`.
 */
export function causalAttention(options: CausalAttentionOptions): Tensor4D {
  const { q, k, v, valid, window, offset, scale } = options;
  const [batch, queries, heads, headDim] = q.shape;
  const [, keys, kvHeads] = k.shape;
  const fits =
    heads % kvHeads === 0 && k.shape[0] === batch && k.shape[3] === headDim && v.shape.every((size, axis) => size === k.shape[axis]);
  if (!fits || valid.shape[0] !== batch || valid.shape[1] !== keys) {
    throw new NlaError('E_ATTENTION_SHAPE', {
      message: 'The shapes of queries, keys, values and mask do not fit together.',
      found: `q [${q.shape.join()}], k [${k.shape.join()}], v [${v.shape.join()}], valid [${valid.shape.join()}]`,
      expected: 'q [batch, query, head, headDim], k and v [batch, key, kvHead, headDim], valid [batch, key], head a multiple of kvHead',
    });
  }
  const group = heads / kvHeads;
  return tf.tidy(() => {
    const scaled: Tensor4D = scale === 1 ? q : tf.mul(q, scale);
    const rows: Tensor3D = tf.reshape(swapPositionAndHead(scaled), [batch * kvHeads, group * queries, headDim]);
    const scores = tf.matMul(rows, byHead(k), false, true);
    const probabilities = maskedSoftmax(tf.reshape(scores, [batch, heads, queries, keys]), valid, window, offset);
    const mixed = tf.matMul(tf.reshape(probabilities, [batch * kvHeads, group * queries, keys]), byHead(v));
    return swapPositionAndHead(tf.reshape(mixed, [batch, heads, queries, headDim]));
  });
}

/** `[batch, key, kvHead, headDim]` to `[batch * kvHead, key, headDim]`. */
function byHead(x: Tensor4D): Tensor3D {
  const [batch, keys, kvHeads, headDim] = x.shape;
  return tf.reshape(swapPositionAndHead(x), [batch * kvHeads, keys, headDim]);
}

/** Exchanges axes 1 and 2; without moving data where one of them has size 1. */
function swapPositionAndHead(x: Tensor4D): Tensor4D {
  const [batch, first, second, headDim] = x.shape;
  return first === 1 || second === 1 ? tf.reshape(x, [batch, second, first, headDim]) : tf.transpose(x, [0, 2, 1, 3]);
}
