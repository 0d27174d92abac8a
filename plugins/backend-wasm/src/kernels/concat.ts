import { backend_util, util } from '@tensorflow/tfjs-core';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { sizeOf } from '@nlakit/ops/operands';
import { addressOf } from '../wasm-engine.js';
import { outputOf } from './define-kernel.js';
import type { WasmKernel } from './define-kernel.js';

/** Concat: tensors one behind the other along an axis. */
export const concat: WasmKernel = {
  name: 'Concat',
  run: (call) => {
    const { engine, attrs } = call;
    const parts = call.inputs as unknown as readonly TensorInfo[];
    const [first] = parts;
    if (first === undefined || first.dtype === 'string' || parts.some(({ dtype }) => dtype !== first.dtype)) return call.stock();
    const axis = util.parseAxisParam(Number(attrs['axis']), first.shape)[0] ?? 0;
    const shapes = parts.map(({ shape }) => shape);
    backend_util.assertParamsConsistent(shapes, axis);
    const shape = backend_util.computeOutShape(shapes, axis);
    const out = outputOf(engine, shape, first.dtype);
    if (sizeOf(out.tensor) === 0) return out.tensor;
    const bytes = util.bytesPerElement(first.dtype);
    const rows = util.sizeFromShape(shape.slice(0, axis));
    const step = util.sizeFromShape(shape.slice(axis)) * bytes;
    let to = out.address;
    for (const part of parts) {
      const run = util.sizeFromShape(part.shape.slice(axis)) * bytes;
      if (run > 0) engine.kernels.copyRows(addressOf(engine, part), run, to, step, run, rows);
      to += run;
    }
    return out.tensor;
  },
};
