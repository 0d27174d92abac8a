import type { TensorInfo } from '@tensorflow/tfjs-core';
import { rmsNormAddOperands, rmsNormGradOperands, rmsNormOperands, type RmsNormOperands } from '@nlakit/ops/operands';
import type { WebgpuCall, WebgpuKernel } from './define-kernel.js';
import { runProgram } from './run-program.js';
import { groupReductions, groupSizeFor } from './wgsl.js';

/** NlaRmsNorm: `x (mean(x^2) + epsilon)^(-1/2) weight` over the last axis; weight `[width]` is optional. A workgroup per row. */
export const rmsNorm: WebgpuKernel = {
  name: 'NlaRmsNorm',
  run: (call) =>
    overRows(call, 'NlaRmsNorm', rmsNormOperands(call), {}, (factor) => `result[start + column] = x[start + column] * inverse${factor};`),
};

/** NlaRmsNormAdd: `residual + NlaRmsNorm(x, weight)`. */
export const rmsNormAdd: WebgpuKernel = {
  name: 'NlaRmsNormAdd',
  run: (call) => {
    const { residual, ...operands } = rmsNormAddOperands(call);
    const store = (factor: string): string => `result[start + column] = residual[start + column] + x[start + column] * inverse${factor};`;
    return overRows(call, 'NlaRmsNormAdd', operands, { residual }, store);
  },
};

/** NlaRmsNormGrad: the gradient of NlaRmsNorm with respect to x. */
export const rmsNormGrad: WebgpuKernel = {
  name: 'NlaRmsNormGrad',
  run: (call) => {
    const { dy, ...operands } = rmsNormGradOperands(call);
    return overRows(
      call,
      'NlaRmsNormGrad',
      operands,
      { dy },
      (factor) => `result[start + column] = inverse * (dy[start + column]${factor} - x[start + column] * inverse * inverse * along);`,
      (factor) => `
      var products = 0.0;
      for (var column = lane; column < uniforms.width; column = column + groupSize) {
        products = products + dy[start + column]${factor} * x[start + column];
      }
      let along = sumOfGroup(products) / f32(uniforms.width);`,
    );
  },
};

function overRows(
  call: WebgpuCall,
  kernel: string,
  { x, weight, rows, width }: RmsNormOperands,
  others: Readonly<Record<string, TensorInfo>>,
  store: (factor: string) => string,
  prepare: (factor: string) => string = () => '',
): TensorInfo {
  const factor = weight === undefined ? '' : ' * weight[column]';
  const groupSize = groupSizeFor(width);
  return runProgram(call.backend, {
    key: `${kernel} ${groupSize} ${weight === undefined ? 'plain' : 'weighted'}`,
    inputs: { x, ...others, ...(weight === undefined ? {} : { weight }) },
    integers: { rows, width },
    floats: { epsilon: Number(call.attrs['epsilon']) },
    outputShape: x.shape,
    groupSize,
    groups: [rows],
    code: `
    const groupSize = ${groupSize};
    ${groupReductions(groupSize)}
    fn main(index : i32) {
      let lane = i32(localIndex);
      let row = index / groupSize;
      let start = row * uniforms.width;
      var squares = 0.0;
      for (var column = lane; column < uniforms.width; column = column + groupSize) {
        squares = squares + x[start + column] * x[start + column];
      }
      let inverse = 1.0 / sqrt(sumOfGroup(squares) / f32(uniforms.width) + uniforms.epsilon);
      ${prepare(factor)}
      if (row < uniforms.rows) {
        for (var column = lane; column < uniforms.width; column = column + groupSize) {
          ${store(factor)}
        }
      }
    }`,
  });
}
