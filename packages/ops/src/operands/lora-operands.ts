import type { TensorInfo } from '@tensorflow/tfjs-core';
import { hasShape, input, requireShapes, type Operands } from './operands.js';

interface Sizes {
  readonly rows: number;
  readonly inn: number;
  readonly rank: number;
  readonly out: number;
}

/** What {@link loraOperands} gives: x `[rows, in]`, base `[rows, out]`, a `[rank, in]`, b `[out, rank]`. */
export interface LoraOperands {
  readonly x: TensorInfo;
  readonly base: TensorInfo;
  readonly a: TensorInfo;
  readonly b: TensorInfo;
  readonly sizes: Sizes;
}

/** The operands of NlaLora. Throws `E_KERNEL_INPUT`, `E_KERNEL_SHAPE`. */
export function loraOperands(call: Operands): LoraOperands {
  const { tensors, sizes } = pairOperands(call, 'NlaLora');
  const { rows, out } = sizes;
  const base = input(call, 'NlaLora', 'base');
  requireShapes(hasShape(base, [rows, out]), 'NlaLora', { ...tensors, base }, 'base [rows, out] for x [rows, in] and b [out, rank]');
  return { ...tensors, base, sizes };
}

/** What {@link loraGradOperands} gives: as in {@link LoraOperands}, with low `[rows, rank]` and dy `[rows, out]`. */
export interface LoraGradOperands {
  readonly x: TensorInfo;
  readonly low: TensorInfo;
  readonly a: TensorInfo;
  readonly b: TensorInfo;
  readonly dy: TensorInfo;
  readonly sizes: Sizes;
}

/** The operands of NlaLoraGrad. Throws `E_KERNEL_INPUT`, `E_KERNEL_SHAPE`. */
export function loraGradOperands(call: Operands): LoraGradOperands {
  const kernel = 'NlaLoraGrad';
  const { tensors, sizes } = pairOperands(call, kernel);
  const { rows, out, rank } = sizes;
  const others = { low: input(call, kernel, 'low'), dy: input(call, kernel, 'dy') };
  const fits = hasShape(others.low, [rows, rank]) && hasShape(others.dy, [rows, out]);
  requireShapes(fits, kernel, { ...tensors, ...others }, 'low [rows, rank] and dy [rows, out] for x [rows, in] and b [out, rank]');
  return { ...tensors, ...others, sizes };
}

function pairOperands(call: Operands, kernel: string) {
  const tensors = { x: input(call, kernel, 'x'), a: input(call, kernel, 'a'), b: input(call, kernel, 'b') };
  const { x, a, b } = tensors;
  const [rows = 0, inn = 0] = x.shape;
  const [rank = 0] = a.shape;
  const [out = 0] = b.shape;
  const fits = x.shape.length === 2 && hasShape(a, [rank, inn]) && hasShape(b, [out, rank]);
  requireShapes(fits, kernel, tensors, 'x [rows, in], a [rank, in], b [out, rank]');
  return { tensors, sizes: { rows, inn, rank, out } };
}
