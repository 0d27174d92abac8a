import type { TensorInfo } from '@tensorflow/tfjs-core';
import { normRopeGradOperands, normRopeOperands, type NormRopeOperands } from '@nlakit/ops/operands';
import type { WebgpuCall, WebgpuKernel } from './define-kernel.js';
import { runProgram } from './run-program.js';
import { groupReductions, groupSizeFor } from './wgsl.js';

/**
 * NlaNormRope: x `[batch * position, head * headDim]` by heads, each normed with weight `[headDim]` and turned by the angles of cos and sin
 * `[batch or 1, position, headDim / 2]`: `[batch, position, head, headDim]`. A workgroup per head of a token.
 */
export const normRope: WebgpuKernel = {
  name: 'NlaNormRope',
  run: (call) => {
    const operands = normRopeOperands(call);
    return run(call, 'NlaNormRope', problemOf(operands), operands.byHead, {
      store: `let turned = select(x[start + partner] * weight[partner], -x[start + partner] * weight[partner], column < half);
          result[start + column] = inverse * (x[start + column] * weight[column] * cosines[place + pair] + turned * sines[place + pair]);`,
    });
  },
};

/** NlaNormRopeGrad: the gradient of NlaNormRope with respect to x, from dy of the shape of its result. */
export const normRopeGrad: WebgpuKernel = {
  name: 'NlaNormRopeGrad',
  run: (call) => {
    const operands = normRopeGradOperands(call);
    const { inputs, integers } = problemOf(operands);
    return run(call, 'NlaNormRopeGrad', { inputs: { ...inputs, dy: operands.dy }, integers }, operands.x.shape, {
      functions: `
      fn slope(start : i32, place : i32, column : i32) -> f32 {
        let half = uniforms.width / 2;
        let pair = column % half;
        let turned = select(-dy[start + pair], dy[start + pair + half], column < half);
        return weight[column] * (dy[start + column] * cosines[place + pair] + turned * sines[place + pair]);
      }`,
      prepare: `
      var products = 0.0;
      for (var column = lane; column < uniforms.width; column = column + groupSize) {
        products = products + slope(start, place, column) * x[start + column];
      }
      let along = sumOfGroup(products) / f32(uniforms.width);`,
      store: `result[start + column] = inverse * (slope(start, place, column) - x[start + column] * inverse * inverse * along);`,
    });
  },
};

interface Problem {
  readonly inputs: Readonly<Record<'x' | 'weight' | 'cosines' | 'sines', TensorInfo>> & { readonly dy?: TensorInfo };
  readonly integers: Readonly<Record<'rows' | 'width' | 'heads' | 'tableSize', number>>;
}

function problemOf({ x, weight, cos, sin, sizes: { batch, tables, positions, heads, half } }: NormRopeOperands): Problem {
  return {
    inputs: { x, weight, cosines: cos, sines: sin },
    integers: { rows: batch * positions * heads, width: 2 * half, heads, tableSize: tables * positions },
  };
}

interface Code {
  readonly functions?: string;
  readonly prepare?: string;
  readonly store: string;
}

function run(
  call: WebgpuCall,
  kernel: string,
  { inputs, integers }: Problem,
  outputShape: readonly number[],
  { functions = '', prepare = '', store }: Code,
): TensorInfo {
  const groupSize = groupSizeFor(integers.width);
  return runProgram(call.backend, {
    key: `${kernel} ${groupSize}`,
    inputs: { ...inputs },
    integers,
    floats: { epsilon: Number(call.attrs['epsilon']) },
    outputShape,
    groupSize,
    groups: [integers.rows],
    code: `
    const groupSize = ${groupSize};
    ${groupReductions(groupSize)}
    ${functions}
    fn main(index : i32) {
      let lane = i32(localIndex);
      let row = index / groupSize;
      let start = row * uniforms.width;
      let half = uniforms.width / 2;
      let place = (row / uniforms.heads) % uniforms.tableSize * half;
      var squares = 0.0;
      for (var column = lane; column < uniforms.width; column = column + groupSize) {
        squares = squares + x[start + column] * x[start + column];
      }
      let inverse = 1.0 / sqrt(sumOfGroup(squares) / f32(uniforms.width) + uniforms.epsilon);
      ${prepare}
      if (row < uniforms.rows) {
        for (var column = lane; column < uniforms.width; column = column + groupSize) {
          let pair = column % half;
          let partner = select(pair, pair + half, column < half);
          ${store}
        }
      }
    }`,
  });
}
