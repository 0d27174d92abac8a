import { input, requireShape, sizeOf } from '@nlakit/ops/operands';
import { addressOf, moduleOf } from '../wasm-engine.js';
import { output } from './define-kernel.js';
import type { WasmKernel } from './define-kernel.js';

const name = 'UnsortedSegmentSum';

/**
 * UnsortedSegmentSum: x [rows, ...] summed into out [numSegments, ...] by `segmentIds` [rows]; ids outside the range are dropped, as
 * TensorFlow does. tfjs-backend-wasm has none, and the gradient of gather needs it.
 */
export const unsortedSegmentSum: WasmKernel = {
  name,
  run: (call) => {
    const { engine, attrs } = call;
    const x = input(call, name, 'x');
    const ids = input(call, name, 'segmentIds', 'int32');
    const segments = Number(attrs['numSegments']);
    const rows = sizeOf(ids);
    const inner = x.shape.slice(ids.shape.length);
    requireShape(
      ids.shape.every((dimension, axis) => dimension === x.shape[axis]),
      name,
      { x: x.shape, segmentIds: ids.shape },
      'the shape of x to start with that of segmentIds',
    );
    const out = output(engine, [segments, ...inner]);
    const width = inner.reduce((product, dimension) => product * dimension, 1);
    const heap = moduleOf(engine.backend).HEAPU8;
    heap.fill(0, out.address, out.address + segments * width * 4);
    const from = addressOf(engine, x);
    const idsView = new Int32Array(heap.buffer, addressOf(engine, ids), rows);
    for (let row = 0; row < rows; row++) {
      const segment = idsView[row] ?? -1;
      if (segment >= 0 && segment < segments) {
        engine.kernels.accumulate(from + row * width * 4, out.address + segment * width * 4, width);
      }
    }
    return out.tensor;
  },
};
