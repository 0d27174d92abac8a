import type { TensorInfo } from '@tensorflow/tfjs-core';
import { hasShape, input, requireShapes, type Operands } from './operands.js';

/** What {@link ropeOperands} gives. */
export interface RopeOperands {
  readonly x: TensorInfo;
  readonly cos: TensorInfo;
  readonly sin: TensorInfo;
  /** `tables` is the first dimension of cos and sin, 1 or `batch`; `half` is half of the width of a head. */
  readonly sizes: Readonly<Record<'batch' | 'tables' | 'positions' | 'heads' | 'half', number>>;
}

/**
 * The operands of NlaRope: x `[batch, position, head, headDim]`, cos and sin `[batch or 1, position, headDim / 2]`. Throws
 * `E_KERNEL_INPUT`, `E_KERNEL_SHAPE`.
 */
export function ropeOperands(call: Operands): RopeOperands {
  const kernel = 'NlaRope';
  const tensors = { x: input(call, kernel, 'x'), cos: input(call, kernel, 'cos'), sin: input(call, kernel, 'sin') };
  const { x, cos, sin } = tensors;
  const [batch = 0, positions = 0, heads = 0, headDim = 0] = x.shape;
  const [tables = 0] = cos.shape;
  const half = headDim / 2;
  requireShapes(
    x.shape.length === 4 && (tables === 1 || tables === batch) && hasShape(cos, [tables, positions, half]) && hasShape(sin, cos.shape),
    kernel,
    tensors,
    'x [batch, position, head, headDim], cos and sin [batch or 1, position, headDim / 2]',
  );
  return { ...tensors, sizes: { batch, tables, positions, heads, half } };
}

/** What {@link normRopeOperands} gives. */
export interface NormRopeOperands extends RopeOperands {
  readonly weight: TensorInfo;
  /** `[batch, position, head, headDim]` */
  readonly byHead: readonly number[];
}

/**
 * The operands of NlaNormRope: x `[batch * position, head * headDim]`, weight `[headDim]`, cos and sin
 * `[batch or 1, position, headDim / 2]`. Throws `E_KERNEL_INPUT`, `E_KERNEL_SHAPE`.
 */
export function normRopeOperands(call: Operands, kernel = 'NlaNormRope'): NormRopeOperands {
  const tensors = {
    x: input(call, kernel, 'x'),
    weight: input(call, kernel, 'weight'),
    cos: input(call, kernel, 'cos'),
    sin: input(call, kernel, 'sin'),
  };
  const { x, weight, cos, sin } = tensors;
  const [rows = 0, width = 0] = x.shape;
  const [tables = 0, positions = 0, half = 0] = cos.shape;
  const [batch, heads] = [rows / Math.max(positions, 1), width / Math.max(2 * half, 1)];
  requireShapes(
    x.shape.length === 2 &&
      cos.shape.length === 3 &&
      hasShape(sin, cos.shape) &&
      hasShape(weight, [2 * half]) &&
      Number.isInteger(batch) &&
      Number.isInteger(heads) &&
      (tables === 1 || tables === batch),
    kernel,
    tensors,
    'x [batch * position, head * headDim], weight [headDim], cos and sin [batch or 1, position, headDim / 2]',
  );
  return { ...tensors, sizes: { batch, tables, positions, heads, half }, byHead: [batch, positions, heads, 2 * half] };
}

/** The operands of NlaNormRopeGrad: those of NlaNormRope and dy, of the shape of its result. Throws `E_KERNEL_INPUT`, `E_KERNEL_SHAPE`. */
export function normRopeGradOperands(call: Operands): NormRopeOperands & { readonly dy: TensorInfo } {
  const kernel = 'NlaNormRopeGrad';
  const operands = normRopeOperands(call, kernel);
  const dy = input(call, kernel, 'dy');
  requireShapes(hasShape(dy, operands.byHead), kernel, { x: operands.x, dy }, `dy [${operands.byHead.join(', ')}]`);
  return { ...operands, dy };
}
