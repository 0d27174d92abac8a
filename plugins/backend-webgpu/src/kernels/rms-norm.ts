import { util } from '@tensorflow/tfjs-core';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { input, requireShape, rowsOf } from './define-kernel.js';
import type { WebgpuCall, WebgpuKernel } from './define-kernel.js';
import { runProgram } from './run-program.js';
import { groupReductions, groupSizeFor } from './wgsl.js';

/** NlaRmsNorm: `x (mean(x^2) + epsilon)^(-1/2) weight` over the last axis; weight `[width]` is optional. A workgroup per row. */
export const rmsNorm: WebgpuKernel = {
  name: 'NlaRmsNorm',
  run: (call) => overRows(call, 'NlaRmsNorm', {}, (factor) => `result[start + column] = x[start + column] * inverse${factor};`),
};

/** NlaRmsNormAdd: `residual + NlaRmsNorm(x, weight)`. */
export const rmsNormAdd: WebgpuKernel = {
  name: 'NlaRmsNormAdd',
  run: (call) => {
    const x = input(call, 'NlaRmsNormAdd', 'x');
    const residual = input(call, 'NlaRmsNormAdd', 'residual');
    requireShape(util.arraysEqual(x.shape, residual.shape), 'NlaRmsNormAdd', { x: x.shape, residual: residual.shape }, 'equal shapes');
    const store = (factor: string): string => `result[start + column] = residual[start + column] + x[start + column] * inverse${factor};`;
    return overRows(call, 'NlaRmsNormAdd', { residual }, store);
  },
};

/** NlaRmsNormGrad: the gradient of NlaRmsNorm with respect to x. */
export const rmsNormGrad: WebgpuKernel = {
  name: 'NlaRmsNormGrad',
  run: (call) => {
    const x = input(call, 'NlaRmsNormGrad', 'x');
    const dy = input(call, 'NlaRmsNormGrad', 'dy');
    requireShape(util.arraysEqual(x.shape, dy.shape), 'NlaRmsNormGrad', { x: x.shape, dy: dy.shape }, 'equal shapes');
    return overRows(
      call,
      'NlaRmsNormGrad',
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
  others: Readonly<Record<string, TensorInfo>>,
  store: (factor: string) => string,
  prepare: (factor: string) => string = () => '',
): TensorInfo {
  const x = input(call, kernel, 'x');
  const { rows, width } = rowsOf(x);
  const weight = optionalWeight(call, kernel, width);
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

function optionalWeight(call: WebgpuCall, kernel: string, width: number): TensorInfo | undefined {
  if (call.inputs['weight'] === undefined || call.inputs['weight'] === null) return undefined;
  const weight = input(call, kernel, 'weight');
  requireShape(util.arraysEqual(weight.shape, [width]), kernel, { weight: weight.shape }, `weight [${width}]`);
  return weight;
}
