import { NlaError } from '@nlakit/core';
import type { DataType, NamedTensorInfoMap, TensorInfo } from '@tensorflow/tfjs-core';

/** What an engine's kernel was called with, as far as its tensors go. */
export interface Operands {
  readonly inputs: NamedTensorInfoMap;
}

/** An input that must be there, with that dtype. Throws `E_KERNEL_INPUT`. */
export function input({ inputs }: Operands, kernel: string, name: string, dtype: DataType = 'float32'): TensorInfo {
  const tensor = inputs[name];
  if (tensor?.dtype !== dtype) {
    throw new NlaError('E_KERNEL_INPUT', {
      message: `${kernel} needs the input ${name}.`,
      found: tensor === undefined ? 'no such input' : `a tensor of ${tensor.dtype}`,
      expected: `a tensor of ${dtype}`,
      fix: 'Call it through @nlakit/ops, or cast the tensor.',
    });
  }
  return tensor;
}

/** Throws `E_KERNEL_SHAPE` unless `holds`: kernels address memory by shape, so a wrong one must not get that far. */
export function requireShape(holds: boolean, kernel: string, found: Readonly<Record<string, readonly number[]>>, expected: string): void {
  if (holds) return;
  throw new NlaError('E_KERNEL_SHAPE', {
    message: `${kernel} got tensors whose shapes do not belong together.`,
    found: Object.entries(found)
      .map(([name, shape]) => `${name} [${shape.join(', ')}]`)
      .join(', '),
    expected,
    fix: 'Call it through @nlakit/ops, which builds these shapes.',
  });
}

/** Throws `E_KERNEL_SHAPE` unless `holds`, naming the shapes of those tensors. */
export function requireShapes(holds: boolean, kernel: string, tensors: Readonly<Record<string, TensorInfo>>, expected: string): void {
  if (holds) return;
  requireShape(false, kernel, Object.fromEntries(Object.entries(tensors).map(([name, { shape }]) => [name, shape])), expected);
}

/** Whether the tensor has that shape. */
export function hasShape({ shape }: Pick<TensorInfo, 'shape'>, expected: readonly number[]): boolean {
  return shape.length === expected.length && shape.every((size, axis) => size === expected[axis]);
}

/** Number of elements. */
export function sizeOf({ shape }: TensorInfo): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** The last dimension and the number of rows before it; a scalar is one row of one. */
export function rowsOf(tensor: TensorInfo): { readonly rows: number; readonly width: number } {
  const width = tensor.shape[tensor.shape.length - 1] ?? 1;
  return { rows: width === 0 ? 0 : sizeOf(tensor) / width, width };
}
