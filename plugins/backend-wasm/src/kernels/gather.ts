import { util } from '@tensorflow/tfjs-core';
import { NlaError } from '@nlakit/core';
import { sizeOf } from '@nlakit/ops/operands';
import { addressOf, moduleOf } from '../wasm-engine.js';
import { outputOf } from './define-kernel.js';
import type { WasmKernel } from './define-kernel.js';

/**
 * GatherV2: slices of x along an axis, by index. The stock kernel divides for every element. An index outside the axis throws
 * `E_GATHER_INDEX`. Batched gathers go to the stock kernel.
 */
export const gather: WasmKernel = {
  name: 'GatherV2',
  run: (call) => {
    const { engine, attrs } = call;
    const { x, indices } = call.inputs;
    if (x === undefined || x.dtype === 'string' || indices?.dtype !== 'int32' || Number(attrs['batchDims'] ?? 0) !== 0) return call.stock();
    const axis = util.parseAxisParam(Number(attrs['axis'] ?? 0), x.shape)[0] ?? 0;
    const size = x.shape[axis] ?? 1;
    const count = sizeOf(indices);
    const view = new Int32Array(moduleOf(engine.backend).HEAPU8.buffer, addressOf(engine, indices), count);
    const outside = view.findIndex((index) => index < 0 || index >= size);
    if (outside >= 0) {
      throw new NlaError('E_GATHER_INDEX', {
        message: 'gather was asked for an index that the axis does not have.',
        found: `${view[outside]} at ${outside}`,
        expected: `0 <= index < ${size}`,
        fix: 'Check the ids against the length of the table.',
      });
    }
    const before = x.shape.slice(0, axis);
    const behind = x.shape.slice(axis + 1);
    const out = outputOf(engine, [...before, ...indices.shape, ...behind], x.dtype);
    const bytes = util.sizeFromShape(behind) * util.bytesPerElement(x.dtype);
    if (bytes === 0) return out.tensor;
    const [from, ids] = [addressOf(engine, x), addressOf(engine, indices)];
    engine.kernels.gatherRows(from, ids, out.address, util.sizeFromShape(before), size, count, bytes);
    return out.tensor;
  },
};
