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
  const kernel = 'NlaLora';
  const tensors = {
    x: input(call, kernel, 'x'),
    base: input(call, kernel, 'base'),
    a: input(call, kernel, 'a'),
    b: input(call, kernel, 'b'),
  };
  const sizes = sizesOf(tensors.x, tensors.b);
  const { rows, inn, rank, out } = sizes;
  const fits = hasShape(tensors.x, [rows, inn]) && hasShape(tensors.b, [out, rank]);
  requireShapes(
    fits && hasShape(tensors.a, [rank, inn]) && hasShape(tensors.base, [rows, out]),
    kernel,
    tensors,
    'x [rows, in], base [rows, out], a [rank, in], b [out, rank]',
  );
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
  const kernel = 'NlaLoraPairGrad';
  const tensors = {
    x: input(call, kernel, 'x'),
    low: input(call, kernel, 'low'),
    b: input(call, kernel, 'b'),
    dy: input(call, kernel, 'dy'),
  };
  const sizes = sizesOf(tensors.x, tensors.b);
  const { rows, inn, rank, out } = sizes;
  const fits = hasShape(tensors.x, [rows, inn]) && hasShape(tensors.b, [out, rank]);
  requireShapes(
    fits && hasShape(tensors.low, [rows, rank]) && hasShape(tensors.dy, [rows, out]),
    kernel,
    tensors,
    'x [rows, in], low [rows, rank], b [out, rank], dy [rows, out]',
  );
  return { ...tensors, sizes };
}

function sizesOf(x: TensorInfo, b: TensorInfo): Sizes {
  const [rows = 0, inn = 0] = x.shape;
  const [out = 0, rank = 0] = b.shape;
  return { rows, inn, rank, out };
}
