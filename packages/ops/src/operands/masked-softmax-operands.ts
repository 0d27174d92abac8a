import type { TensorInfo } from '@tensorflow/tfjs-core';
import { hasShape, input, requireShapes, type Operands } from './operands.js';

/** What {@link maskedSoftmaxOperands} gives. */
export interface MaskedSoftmaxOperands {
  readonly scores: TensorInfo;
  readonly valid: TensorInfo;
  readonly sizes: Readonly<Record<'batch' | 'heads' | 'queries' | 'keys', number>>;
}

/** The operands of NlaMaskedSoftmax: scores `[batch, head, query, key]`, valid `[batch, key]`. Throws `E_KERNEL_INPUT`, `E_KERNEL_SHAPE`. */
export function maskedSoftmaxOperands(call: Operands): MaskedSoftmaxOperands {
  const kernel = 'NlaMaskedSoftmax';
  const tensors = { scores: input(call, kernel, 'scores'), valid: input(call, kernel, 'valid') };
  const { scores, valid } = tensors;
  const [batch = 0, heads = 0, queries = 0, keys = 0] = scores.shape;
  const fits = scores.shape.length === 4 && hasShape(valid, [batch, keys]);
  requireShapes(fits, kernel, tensors, 'scores [batch, head, query, key] and valid [batch, key]');
  return { ...tensors, sizes: { batch, heads, queries, keys } };
}
