import { util } from '@tensorflow/tfjs-core';
import { addressOf } from '../wasm-engine.js';
import { outputOf } from './define-kernel.js';
import type { WasmKernel } from './define-kernel.js';

/**
 * Transpose, where two neighbouring groups of axes change places and whole rows move (`[0, 2, 1, 3]`, the heads of attention). Every other
 * permutation goes to the stock kernel.
 */
export const transpose: WasmKernel = {
  name: 'Transpose',
  run: (call) => {
    const { engine, attrs } = call;
    const { x } = call.inputs;
    if (x === undefined || x.dtype === 'string') return call.stock();
    const permutation = attrs['perm'] as readonly number[];
    const swap = exchangedGroups(x.shape, permutation);
    if (swap === undefined || swap.inner < 4) return call.stock();
    const { outer, first, second, inner } = swap;
    const shape = permutation.map((axis) => x.shape[axis] ?? 1);
    const out = outputOf(engine, shape, x.dtype);
    const row = inner * util.bytesPerElement(x.dtype);
    const from = addressOf(engine, x);
    for (let block = 0; block < outer; block++) {
      const start = block * first * second * row;
      for (let index = 0; index < second; index++) {
        engine.kernels.copyRows(from + start + index * row, second * row, out.address + start + index * first * row, row, row, first);
      }
    }
    return out.tensor;
  },
};

/** The permutation as [outer, first, second, inner] to [outer, second, first, inner], if it is one. Axes of size 1 move freely. */
function exchangedGroups(
  shape: readonly number[],
  permutation: readonly number[],
): { outer: number; first: number; second: number; inner: number } | undefined {
  const axes = permutation.filter((axis) => shape[axis] !== 1);
  const sorted = [...axes].sort((a, b) => a - b);
  const size = (list: readonly number[]) => list.reduce((product, axis) => product * (shape[axis] ?? 1), 1);
  let head = 0;
  while (head < axes.length && axes[head] === sorted[head]) head++;
  let tail = axes.length;
  while (tail > head && axes[tail - 1] === sorted[tail - 1]) tail--;
  if (head === axes.length) return undefined;
  const moved = axes.slice(head, tail);
  const cut = moved.findIndex((axis, index) => index > 0 && axis < (moved[index - 1] ?? -1));
  const rotated = [...moved.slice(cut), ...moved.slice(0, cut)];
  if (cut < 0 || !rotated.every((axis, index) => axis === sorted[head + index])) return undefined;
  return {
    outer: size(axes.slice(0, head)),
    first: size(moved.slice(cut)),
    second: size(moved.slice(0, cut)),
    inner: size(axes.slice(tail)),
  };
}
