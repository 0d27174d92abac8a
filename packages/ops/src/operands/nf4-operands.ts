import type { TensorInfo } from '@tensorflow/tfjs-core';
import { input, requireShape, sizeOf, type Operands } from './operands.js';

/** What {@link nf4Operands} gives. */
export interface Nf4Operands {
  readonly codes: TensorInfo;
  readonly absmax: TensorInfo;
  readonly blockSize: number;
  /** Elements of the weight; what codes and absmax hold beyond them is padding. */
  readonly count: number;
}

/**
 * The packed weight of that shape that a kernel was called with: codes int32 `[n / 8]`, the bytes in file order, and absmax
 * `[n / blockSize]`, with `n` at least the number of its elements. Throws `E_KERNEL_INPUT`, `E_KERNEL_SHAPE`.
 *
 * @param multiple What the block size is a multiple of, where an engine counts on that
 */
export function nf4Operands(
  call: Operands & { readonly attrs: Readonly<Record<string, unknown>> },
  kernel: string,
  shape: readonly number[],
  multiple = 1,
): Nf4Operands {
  const codes = input(call, kernel, 'codes', 'int32');
  const absmax = input(call, kernel, 'absmax');
  const blockSize = Number(call.attrs['blockSize']);
  const count = shape.reduce((product, size) => product * size, 1);
  requireShape(
    blockSize > 0 && blockSize % multiple === 0 && sizeOf(codes) * 8 >= count && sizeOf(absmax) * blockSize >= count,
    kernel,
    { codes: codes.shape, absmax: absmax.shape, shape, blockSize: [blockSize] },
    `blockSize a multiple of ${multiple}, 8 codes per int32 and one absmax per block for every element of shape`,
  );
  return { codes, absmax, blockSize, count };
}
