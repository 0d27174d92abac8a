import { input, requireShape, sizeOf } from '@nlakit/ops/operands';
import type { WebgpuKernel } from './define-kernel.js';
import { runProgram } from './run-program.js';

/**
 * UnsortedSegmentSum, the gradient of gather: rows of x `[...ids, ...rest]` added up by segment. An invocation per result, which adds in
 * the order of the ids; the stock kernel adds with atomics in whatever order they come, and no two runs would have the same bits.
 */
export const unsortedSegmentSum: WebgpuKernel = {
  name: 'UnsortedSegmentSum',
  run: (call) => {
    const x = input(call, 'UnsortedSegmentSum', 'x', call.inputs['x']?.dtype);
    const ids = input(call, 'UnsortedSegmentSum', 'segmentIds', 'int32');
    const rest = x.shape.slice(ids.shape.length);
    const count = sizeOf(ids);
    requireShape(
      ids.shape.every((size, axis) => size === x.shape[axis]),
      'UnsortedSegmentSum',
      { x: x.shape, segmentIds: ids.shape },
      'segmentIds of the shape that x begins with',
    );
    return runProgram(call.backend, {
      key: `UnsortedSegmentSum ${x.dtype}`,
      inputs: { x, ids },
      integers: { count, width: rest.reduce((product, size) => product * size, 1) },
      outputShape: [Number(call.attrs['numSegments']), ...rest],
      outputDtype: x.dtype,
      code: `
      fn main(index : i32) {
        if (index < uniforms.size) {
          let segment = index / uniforms.width;
          let column = index % uniforms.width;
          var sum = ${x.dtype === 'float32' ? '0.0' : '0'};
          for (var at = 0; at < uniforms.count; at = at + 1) {
            if (ids[at] == segment) { sum = sum + x[at * uniforms.width + column]; }
          }
          result[index] = sum;
        }
      }`,
    });
  },
};
