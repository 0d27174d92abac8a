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
  const tensors = named(call, 'NlaLora', ['x', 'base', 'a', 'b']);
  const sizes = sizesOf(tensors);
  const { rows, inn, rank, out } = sizes;
  const shapes = { x: [rows, inn], base: [rows, out], a: [rank, inn], b: [out, rank] };
  requireAll('NlaLora', tensors, shapes, 'x [rows, in], base [rows, out], a [rank, in], b [out, rank]');
  return { ...tensors, sizes };
}

/** What {@link loraPairGradOperands} gives: x `[rows, in]`, low `[rows, rank]`, b `[out, rank]`, dy `[rows, out]`. */
export interface LoraPairGradOperands {
  readonly x: TensorInfo;
  readonly low: TensorInfo;
  readonly b: TensorInfo;
  readonly dy: TensorInfo;
  readonly sizes: Sizes;
}

/** The operands of NlaLoraPairGrad. Throws `E_KERNEL_INPUT`, `E_KERNEL_SHAPE`. */
export function loraPairGradOperands(call: Operands): LoraPairGradOperands {
  const tensors = named(call, 'NlaLoraPairGrad', ['x', 'low', 'b', 'dy']);
  const sizes = sizesOf(tensors);
  const { rows, inn, rank, out } = sizes;
  const shapes = { x: [rows, inn], low: [rows, rank], b: [out, rank], dy: [rows, out] };
  requireAll('NlaLoraPairGrad', tensors, shapes, 'x [rows, in], low [rows, rank], b [out, rank], dy [rows, out]');
  return { ...tensors, sizes };
}

function named<Name extends string>(call: Operands, kernel: string, names: readonly Name[]): Record<Name, TensorInfo> {
  return Object.fromEntries(names.map((name) => [name, input(call, kernel, name)])) as Record<Name, TensorInfo>;
}

function requireAll<Name extends string>(
  kernel: string,
  tensors: Record<Name, TensorInfo>,
  shapes: Record<NoInfer<Name>, readonly number[]>,
  expected: string,
): void {
  const fit = (Object.keys(tensors) as Name[]).every((name) => hasShape(tensors[name], shapes[name]));
  requireShapes(fit, kernel, tensors, expected);
}

/** The sizes by x and b; the other tensors have to fit them. */
function sizesOf({ x, b }: { readonly x: TensorInfo; readonly b: TensorInfo }): Sizes {
  const [rows = 0, inn = 0] = x.shape;
  const [out = 0, rank = 0] = b.shape;
  return { rows, inn, rank, out };
}
