import { maskedSoftmaxOperands, rowsOf, softmaxGradOperands } from '@nlakit/ops/operands';
import type { WebgpuKernel } from './define-kernel.js';
import { runProgram } from './run-program.js';
import { groupReductions, groupSizeFor, mathFunctions } from './wgsl.js';

/** NlaMaskedSoftmax: softmax of scores `[batch, head, query, key]` over the keys that window, offset and valid `[batch, key]` leave. */
export const maskedSoftmax: WebgpuKernel = {
  name: 'NlaMaskedSoftmax',
  run: (call) => {
    const { scores, valid, sizes } = maskedSoftmaxOperands(call);
    const { batch, heads, queries, keys } = sizes;
    const groupSize = groupSizeFor(keys);
    const rows = batch * heads * queries;
    return runProgram(call.backend, {
      key: `NlaMaskedSoftmax ${groupSize}`,
      inputs: { scores, valid },
      integers: { rows, heads, queries, keys, window: Number(call.attrs['window']), offset: Number(call.attrs['offset']) },
      outputShape: scores.shape,
      groupSize,
      groups: [rows],
      code: `
      const groupSize = ${groupSize};
      ${mathFunctions}
      ${groupReductions(groupSize)}
      fn main(index : i32) {
        let lane = i32(localIndex);
        let row = index / groupSize;
        let keys = uniforms.keys;
        let start = row * keys;
        let mask = (row / (uniforms.heads * uniforms.queries)) * keys;
        let own = row % uniforms.queries + uniforms.offset;
        let last = min(own, keys - 1);
        let first = select(max(0, own - uniforms.window + 1), 0, uniforms.window == 0);
        var highest = -3.0e38;
        for (var key = first + lane; key <= last; key = key + groupSize) {
          if (valid[mask + key] > 0.5) { highest = max(highest, scores[start + key]); }
        }
        highest = maxOfGroup(highest);
        var sum = 0.0;
        for (var key = first + lane; key <= last; key = key + groupSize) {
          if (valid[mask + key] > 0.5) { sum = sum + nlaExp(scores[start + key] - highest); }
        }
        sum = sumOfGroup(sum);
        let share = select(1.0 / sum, 0.0, sum == 0.0);
        if (row < uniforms.rows) {
          for (var key = lane; key < keys; key = key + groupSize) {
            var probability = 0.0;
            if (key >= first && key <= last && valid[mask + key] > 0.5) { probability = nlaExp(scores[start + key] - highest) * share; }
            result[start + key] = probability;
          }
        }
      }`,
    });
  },
};

/** NlaSoftmaxGrad: `y (dy - sum(y dy))` over the last axis. */
export const softmaxGrad: WebgpuKernel = {
  name: 'NlaSoftmaxGrad',
  run: (call) => {
    const { y, dy } = softmaxGradOperands(call);
    const { rows, width } = rowsOf(y);
    const groupSize = groupSizeFor(width);
    return runProgram(call.backend, {
      key: `NlaSoftmaxGrad ${groupSize}`,
      inputs: { y, dy },
      integers: { rows, width },
      outputShape: y.shape,
      groupSize,
      groups: [rows],
      code: `
      const groupSize = ${groupSize};
      ${groupReductions(groupSize)}
      fn main(index : i32) {
        let lane = i32(localIndex);
        let row = index / groupSize;
        let start = row * uniforms.width;
        var products = 0.0;
        for (var column = lane; column < uniforms.width; column = column + groupSize) {
          products = products + y[start + column] * dy[start + column];
        }
        products = sumOfGroup(products);
        if (row < uniforms.rows) {
          for (var column = lane; column < uniforms.width; column = column + groupSize) {
            result[start + column] = y[start + column] * (dy[start + column] - products);
          }
        }
      }`,
    });
  },
};
