import { backend_util, slice_util, util } from '@tensorflow/tfjs-core';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { sizeOf } from '@nlakit/ops/operands';
import { addressOf } from '../wasm-engine.js';
import type { WasmEngine } from '../wasm-engine.js';
import { outputOf } from './define-kernel.js';
import type { WasmKernel } from './define-kernel.js';

/** Slice. The stock kernel first copies the whole input out of the heap, which for rows of a large table is most of the work. */
export const slice: WasmKernel = {
  name: 'Slice',
  run: (call) => {
    const { x } = call.inputs;
    if (x === undefined || x.dtype === 'string') return call.stock();
    const { begin, size } = call.attrs as { begin: number | number[]; size: number | number[] };
    const [start, shape] = slice_util.parseSliceParams(x, begin, size) as [number[], number[]];
    slice_util.assertParamsValid(x, start, shape);
    return sliceOf(call.engine, x, start, shape);
  },
};

/** SplitV: slices that follow each other along one axis. */
export const splitV: WasmKernel = {
  name: 'SplitV',
  run: (call) => {
    const { x } = call.inputs;
    if (x === undefined || x.dtype === 'string') return call.stock();
    const { numOrSizeSplits, axis } = call.attrs as { numOrSizeSplits: number[] | number; axis: number };
    const along = util.parseAxisParam(axis, x.shape)[0] ?? 0;
    const sizes = backend_util.prepareSplitSize(x, numOrSizeSplits, along);
    const parts: TensorInfo[] = [];
    let from = 0;
    try {
      for (const size of sizes) {
        const start = x.shape.map((_, index) => (index === along ? from : 0));
        const shape = x.shape.map((dimension, index) => (index === along ? size : dimension));
        parts.push(sliceOf(call.engine, x, start, shape));
        from += size;
      }
    } catch (error) {
      for (const part of parts) call.engine.backend.disposeData(part.dataId);
      throw error;
    }
    return parts;
  },
};

function sliceOf(engine: WasmEngine, x: TensorInfo, start: readonly number[], shape: readonly number[]): TensorInfo {
  const out = outputOf(engine, shape, x.dtype);
  if (sizeOf(out.tensor) === 0) return out.tensor;
  // The last axis that is cut, with all behind it, is one run of bytes; the axis before it repeats the run at a fixed step.
  let cut = x.shape.length - 1;
  while (cut > 0 && shape[cut] === x.shape[cut]) cut--;
  const bytes = util.bytesPerElement(x.dtype);
  const strides = x.shape.map((_, axis) => x.shape.slice(axis + 1).reduce((product, dimension) => product * dimension, bytes));
  const run = (shape[cut] ?? 1) * (strides[cut] ?? bytes);
  const offset = start.reduce((sum, at, axis) => sum + at * (strides[axis] ?? bytes), 0);
  const rows = cut > 0 ? (shape[cut - 1] ?? 1) : 1;
  const step = cut > 0 ? (strides[cut - 1] ?? run) : run;
  const outer = shape.slice(0, Math.max(0, cut - 1));
  const blocks = outer.reduce((product, dimension) => product * dimension, 1);
  const from = addressOf(engine, x) + offset;
  for (let block = 0; block < blocks; block++) {
    let rest = block;
    let at = from;
    for (let axis = outer.length - 1; axis >= 0; axis--) {
      const dimension = outer[axis] ?? 1;
      at += (rest % dimension) * (strides[axis] ?? 0);
      rest = Math.floor(rest / dimension);
    }
    engine.kernels.copyRows(at, step, out.address + block * rows * run, run, run, rows);
  }
  return out.tensor;
}
