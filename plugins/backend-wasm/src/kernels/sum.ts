import { sizeOf } from '@nlakit/ops/operands';
import type { WasmKernel } from './define-kernel.js';

/** Sum: the stock kernel, and zeros for what has no elements, where it leaves its result as it found the memory. */
export const sum: WasmKernel = {
  name: 'Sum',
  run: ({ engine: { backend }, inputs: { x }, stock }) => {
    const made = stock();
    if (x !== undefined && sizeOf(x) === 0 && !Array.isArray(made)) backend.typedArrayFromHeap(made).fill(0);
    return made;
  },
};
