import { NlaError } from '@nlakit/core';
import type { Tensor, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs-core';
import { defineDomainKernel } from './domain-kernel.js';
import { maskedSoftmax, softmaxGrad } from './masked-softmax.js';
import { ATTENTION_SHAPES, attentionShapesFit } from './operands/index.js';
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

type AttentionInputs = { q: Tensor4D; k: Tensor4D; v: Tensor4D; valid: Tensor2D };
type AttentionAttributes = { window: number; offset: number; scale: number };

const attentionGradKernel = defineDomainKernel<AttentionInputs & { dy: Tensor4D }, AttentionAttributes>({
  name: 'NlaAttentionGrad',
  compose({ inputs: { q, k, v, valid, dy }, attrs }) {
    const [, keys, kvHeads, headDim] = k.shape;
    const [batch, queries, heads] = q.shape;
    const { rows, probabilities } = probabilitiesOf(q, k, valid, attrs);
    const slopes = byKvHead(dy, kvHeads);
    const dv: Tensor3D = tf.matMul(probabilities, slopes, true, false);
    const dScores = tf.mul(softmaxGrad(probabilities, tf.matMul(slopes, byHead(v), false, true)), attrs.scale);
    const dq: Tensor3D = tf.matMul(dScores, byHead(k));
    const dk: Tensor3D = tf.matMul(dScores, rows, true, false);
    const keysFirst = (x: Tensor3D): Tensor4D => swapPositionAndHead(tf.reshape(x, [batch, kvHeads, keys, headDim]));
    return [swapPositionAndHead(tf.reshape(dq, [batch, heads, queries, headDim])), keysFirst(dk), keysFirst(dv)];
  },
});

const attentionKernel = defineDomainKernel<AttentionInputs, AttentionAttributes>({
  name: 'NlaAttention',
  compose({ inputs: { q, k, v, valid }, attrs }) {
    const [batch, queries, heads, headDim] = q.shape;
    const { probabilities } = probabilitiesOf(q, k, valid, attrs);
    const mixed: Tensor3D = tf.matMul(probabilities, byHead(v));
    return swapPositionAndHead(tf.reshape(mixed, [batch, heads, queries, headDim]));
  },
  gradient: {
    // The probabilities are computed again: they would be the largest tensor that is kept, and cost little beside the linears.
    saves: ['q', 'k', 'v', 'valid'],
    of({ dy: [dy], inputs, attrs }) {
      const { q, k, v, valid } = inputs as AttentionInputs;
      // All at once, and here: a tensor made inside one of the functions below is freed before the next runs.
      const [dq, dk, dv] = attentionGradKernel.outputs({ q, k, v, valid, dy: dy as Tensor4D }, attrs);
      return { q: () => dq as Tensor, k: () => dk as Tensor, v: () => dv as Tensor };
    },
  },
});

/** The same with the heads of a query side by side: a view less between it and the linear that reads it. */
const attentionRowsKernel = defineDomainKernel<AttentionInputs, AttentionAttributes>({
  name: 'NlaAttentionRows',
  compose({ inputs, attrs }) {
    const [batch, queries, heads, headDim] = inputs.q.shape;
    return tf.reshape(attentionKernel.run(inputs, attrs), [batch * queries, heads * headDim]);
  },
  gradient: {
    saves: ['q', 'k', 'v', 'valid'],
    of({ dy: [dy], inputs, attrs }) {
      const { q, k, v, valid } = inputs as AttentionInputs;
      const slopes = tf.reshape<tf.Rank.R4>(dy as Tensor, q.shape);
      const [dq, dk, dv] = attentionGradKernel.outputs({ q, k, v, valid, dy: slopes }, attrs);
      slopes.dispose();
      return { q: () => dq as Tensor, k: () => dk as Tensor, v: () => dv as Tensor };
    },
  },
});

/**
 * Causal attention with grouped heads: `softmax(scale * q kᵀ) v` over the visible keys, see {@link maskedSoftmax}. Differentiable in
 * `q`, `k` and `v`.
 *
 * @returns `[batch, query, head, headDim]`
 *
 * Throws `E_ATTENTION_SHAPE`.
 */
export function causalAttention(options: CausalAttentionOptions): Tensor4D {
  const { inputs, attrs } = checked(options);
  return attentionKernel.run<Tensor4D>(inputs, attrs);
}

/**
 * {@link causalAttention} as the rows that the output projection reads.
 *
 * @returns `[batch * query, head * headDim]`
 *
 * Throws `E_ATTENTION_SHAPE`.
 */
export function causalAttentionRows(options: CausalAttentionOptions): Tensor2D {
  const { inputs, attrs } = checked(options);
  return attentionRowsKernel.run<Tensor2D>(inputs, attrs);
}

function checked(options: CausalAttentionOptions): { readonly inputs: AttentionInputs; readonly attrs: AttentionAttributes } {
  const { q, k, v, valid, window, offset, scale } = options;
  if (!attentionShapesFit(options)) {
    throw new NlaError('E_ATTENTION_SHAPE', {
      message: 'The shapes of queries, keys, values and mask do not fit together.',
      found: `q [${q.shape.join()}], k [${k.shape.join()}], v [${v.shape.join()}], valid [${valid.shape.join()}]`,
      expected: ATTENTION_SHAPES,
    });
  }
  return { inputs: { q, k, v, valid }, attrs: { window, offset, scale } };
}

/**
 * Queries by kv head (`rows`, unscaled) and their probabilities, `[batch * kvHeads, group * queries, keys]`: the queries of the heads that
 * share a kv head are the rows of one matrix, so keys and values are never repeated.
 */
function probabilitiesOf(
  q: Tensor4D,
  k: Tensor4D,
  valid: Tensor2D,
  { window, offset, scale }: AttentionAttributes,
): { readonly rows: Tensor3D; readonly probabilities: Tensor3D } {
  const [batch, queries, heads] = q.shape;
  const [, keys, kvHeads] = k.shape;
  const rows = byKvHead(q, kvHeads);
  const scores: Tensor3D = tf.matMul(scale === 1 ? rows : tf.mul<Tensor3D>(rows, scale), byHead(k), false, true);
  const probabilities = maskedSoftmax(tf.reshape(scores, [batch, heads, queries, keys]), valid, window, offset);
  return { rows, probabilities: tf.reshape(probabilities, scores.shape) };
}

/** `[batch, query, head, headDim]` to `[batch * kvHeads, group * query, headDim]`. */
function byKvHead(x: Tensor4D, kvHeads: number): Tensor3D {
  const [batch, queries, heads, headDim] = x.shape;
  return tf.reshape(swapPositionAndHead(x), [batch * kvHeads, (heads / kvHeads) * queries, headDim]);
}

/** `[batch, key, kvHead, headDim]` to `[batch * kvHead, key, headDim]`. */
function byHead(x: Tensor4D): Tensor3D {
  return byKvHead(x, x.shape[2]);
}

/** Exchanges axes 1 and 2; without moving data where one of them has size 1. */
function swapPositionAndHead(x: Tensor4D): Tensor4D {
  const [batch, first, second, headDim] = x.shape;
  return first === 1 || second === 1 ? tf.reshape(x, [batch, second, first, headDim]) : tf.transpose(x, [0, 2, 1, 3]);
}
