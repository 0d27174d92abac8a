import { softcapCrossEntropyGradOperands, softcapLogSumExpOperands } from '@nlakit/ops/operands';
import type { WebgpuKernel } from './define-kernel.js';
import { runProgram } from './run-program.js';
import { groupReductions, groupSizeFor, mathFunctions, softcapFunction } from './wgsl.js';

/** NlaSoftcapLogSumExp: per row of logits `[row, vocabulary]`, the logarithm of the sum of the exponentials of the softcapped logits. */
export const softcapLogSumExp: WebgpuKernel = {
  name: 'NlaSoftcapLogSumExp',
  run: (call) => {
    const { logits, rows, width } = softcapLogSumExpOperands(call);
    const groupSize = groupSizeFor(width);
    return runProgram(call.backend, {
      key: `NlaSoftcapLogSumExp ${groupSize}`,
      inputs: { logits },
      integers: { rows, width },
      floats: { softcap: Number(call.attrs['softcap']) },
      outputShape: [rows],
      groupSize,
      groups: [rows],
      code: `
      const groupSize = ${groupSize};
      ${mathFunctions}
      ${softcapFunction}
      ${groupReductions(groupSize)}
      fn main(index : i32) {
        let lane = i32(localIndex);
        let row = index / groupSize;
        let start = row * uniforms.width;
        // The softcap rises with the logit, so the highest logit stays the highest.
        var highest = -3.0e38;
        for (var column = lane; column < uniforms.width; column = column + groupSize) {
          highest = max(highest, logits[start + column]);
        }
        highest = softcapped(maxOfGroup(highest), uniforms.softcap);
        var sum = 0.0;
        for (var column = lane; column < uniforms.width; column = column + groupSize) {
          sum = sum + nlaExp(softcapped(logits[start + column], uniforms.softcap) - highest);
        }
        sum = sumOfGroup(sum);
        if (row < uniforms.rows && lane == 0) { result[row] = log(sum) + highest; }
      }`,
    });
  },
};

/** NlaSoftcapCrossEntropyGrad: `dy (softmax - onehot) (1 - tanh^2)` for raw logits `[row, chunk]`. */
export const softcapCrossEntropyGrad: WebgpuKernel = {
  name: 'NlaSoftcapCrossEntropyGrad',
  run: (call) => {
    const { logits, targets, lse, dy, width } = softcapCrossEntropyGradOperands(call);
    return runProgram(call.backend, {
      key: 'NlaSoftcapCrossEntropyGrad',
      inputs: { logits, targets, lse, dy },
      integers: { width },
      floats: { softcap: Number(call.attrs['softcap']) },
      outputShape: logits.shape,
      code: `
      ${mathFunctions}
      ${softcapFunction}
      fn main(index : i32) {
        if (index < uniforms.size) {
          let row = index / uniforms.width;
          let capped = softcapped(logits[index], uniforms.softcap);
          let hit = select(0.0, 1.0, index - row * uniforms.width == targets[row]);
          var slope = (nlaExp(capped - lse[row]) - hit) * dy[row];
          if (uniforms.softcap != 0.0) {
            let t = capped / uniforms.softcap;
            slope = slope * (1.0 - t) * (1.0 + t);
          }
          result[index] = slope;
        }
      }`,
    });
  },
};
