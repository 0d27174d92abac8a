import { util } from '@tensorflow/tfjs-core';
import { sizeOf } from '@nlakit/ops/operands';
import { addressOf } from '../wasm-engine.js';
import { outputOf } from './define-kernel.js';
import type { WasmKernel } from './define-kernel.js';

/** Tile along one axis, which is also how tfjs broadcasts a tensor. Repeats along several axes go to the stock kernel. */
export const tile: WasmKernel = {
  name: 'Tile',
  run: (call) => {
    const { engine, attrs } = call;
    const { x } = call.inputs;
    const repeats = attrs['reps'] as readonly number[];
    if (x === undefined || x.dtype === 'string' || repeats.filter((count) => count !== 1).length > 1) return call.stock();
    const shape = x.shape.map((dimension, axis) => dimension * (repeats[axis] ?? 1));
    const out = outputOf(engine, shape, x.dtype);
    if (sizeOf(out.tensor) === 0) return out.tensor;
    const axis = Math.max(
      0,
      repeats.findIndex((count) => count !== 1),
    );
    const count = repeats[axis] ?? 1;
    const rows = util.sizeFromShape(x.shape.slice(0, axis));
    const run = util.sizeFromShape(x.shape.slice(axis)) * util.bytesPerElement(x.dtype);
    const from = addressOf(engine, x);
    for (let index = 0; index < count; index++) {
      engine.kernels.copyRows(from, run, out.address + index * run, run * count, run, rows);
    }
    return out.tensor;
  },
};
