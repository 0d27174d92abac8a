import type { TensorInfo } from '@tensorflow/tfjs-core';
import { hasShape, input, requireShapes, sizeOf, type Operands } from './operands.js';

/** Queries, keys, values and mask of attention. */
export interface AttentionTensors<T extends Pick<TensorInfo, 'shape'> = TensorInfo> {
  /** `[batch, query, head, headDim]` */
  readonly q: T;
  /** `[batch, key, kvHead, headDim]`; `head` is a multiple of `kvHead`. */
  readonly k: T;
  /** The shape of `k`. */
  readonly v: T;
  /** `[batch, key]` */
  readonly valid: T;
}

/** What {@link attentionOperands} gives. */
export interface AttentionOperands {
  readonly tensors: AttentionTensors;
  readonly sizes: Readonly<Record<'batch' | 'queries' | 'keys' | 'heads' | 'kvHeads' | 'headDim', number>>;
  /** Without keys, queries or width there is nothing to add up: results and gradients are zeros. */
  readonly isEmpty: boolean;
}

/** What shapes the operands of attention are to have. */
export const ATTENTION_SHAPES =
  'q [batch, query, head, headDim], k and v [batch, key, kvHead, headDim], valid [batch, key], head a multiple of kvHead';

/** Whether the shapes of queries, keys, values and mask belong together. */
export function attentionShapesFit({ q, k, v, valid }: AttentionTensors<Pick<TensorInfo, 'shape'>>): boolean {
  const [batch = 0, , heads = 0, headDim = 0] = q.shape;
  const [, keys = 0, kvHeads = 0] = k.shape;
  return (
    q.shape.length === 4 &&
    hasShape(k, [batch, keys, kvHeads, headDim]) &&
    hasShape(v, k.shape) &&
    hasShape(valid, [batch, keys]) &&
    heads % kvHeads === 0
  );
}

/** The operands of NlaAttention. Throws `E_KERNEL_INPUT`, `E_KERNEL_SHAPE`. */
export function attentionOperands(call: Operands, kernel = 'NlaAttention'): AttentionOperands {
  const tensors = {
    q: input(call, kernel, 'q'),
    k: input(call, kernel, 'k'),
    v: input(call, kernel, 'v'),
    valid: input(call, kernel, 'valid'),
  };
  requireShapes(attentionShapesFit(tensors), kernel, tensors, ATTENTION_SHAPES);
  const [batch = 0, queries = 0, heads = 0, headDim = 0] = tensors.q.shape;
  const [, keys = 0, kvHeads = 0] = tensors.k.shape;
  const isEmpty = sizeOf(tensors.q) === 0 || sizeOf(tensors.k) === 0;
  return { tensors, sizes: { batch, queries, keys, heads, kvHeads, headDim }, isEmpty };
}

/** The operands of NlaAttentionGrad: those of NlaAttention and dy, of the shape of q. Throws `E_KERNEL_INPUT`, `E_KERNEL_SHAPE`. */
export function attentionGradOperands(call: Operands): AttentionOperands & { readonly dy: TensorInfo } {
  const kernel = 'NlaAttentionGrad';
  const operands = attentionOperands(call, kernel);
  const dy = input(call, kernel, 'dy');
  const { q } = operands.tensors;
  requireShapes(hasShape(dy, q.shape), kernel, { q, dy }, 'dy of the shape of q');
  return { ...operands, dy };
}
