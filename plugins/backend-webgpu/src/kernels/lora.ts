import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D, TensorInfo } from '@tensorflow/tfjs-core';
import { loraOperands, type LoraOperands } from '@nlakit/ops/operands';
import type { WebgpuCall, WebgpuKernel } from './define-kernel.js';
import { runProgram } from './run-program.js';
import { TILE, TILE_GROUP, tiledProduct } from './tiled-product.js';

/** Up to that many rows, as in generation, a tile would be mostly empty. */
const FEW_ROWS = 8;

/**
 * NlaLora: `base + scale * low bᵀ` and `low = x aᵀ`, with x `[rows, in]`, base `[rows, out]`, a `[rank, in]` and b `[out, rank]`. The narrow
 * product is that of tfjs. So is the gradient, a composition: it has long sums and few results, which tfjs splits among workgroups (adding
 * the parts with atomics).
 */
export const lora: WebgpuKernel = {
  name: 'NlaLora',
  run: (call) => {
    const operands = loraOperands(call);
    const low = tf.matMul(operands.x as Tensor2D, operands.a as Tensor2D, false, true);
    return [up(call, operands, low), low];
  },
};

function up(call: WebgpuCall, { base, b, sizes }: LoraOperands, low: TensorInfo): TensorInfo {
  const { rows, out: columns, rank: inner } = sizes;
  const shared = {
    inputs: { base, low, b },
    integers: { rows, columns, inner },
    floats: { scale: Number(call.attrs['scale']) },
    outputShape: base.shape,
  };
  if (rows <= FEW_ROWS) {
    return runProgram(call.backend, {
      ...shared,
      key: 'NlaLora few',
      code: `
      fn main(index : i32) {
        if (index < uniforms.size) {
          let row = index / uniforms.columns;
          let column = index % uniforms.columns;
          var sum = 0.0;
          for (var at = 0; at < uniforms.inner; at = at + 1) {
            sum = sum + low[row * uniforms.inner + at] * b[column * uniforms.inner + at];
          }
          result[index] = base[index] + uniforms.scale * sum;
        }
      }`,
    });
  }
  return runProgram(call.backend, {
    ...shared,
    key: 'NlaLora tiled',
    groupSize: TILE_GROUP,
    groups: [Math.ceil(columns / TILE), Math.ceil(rows / TILE)],
    code: tiledProduct({
      rightContiguous: 'inner',
      functions: `
      fn left(row : i32, at : i32) -> f32 { return low[row * uniforms.inner + at]; }
      fn right(at : i32, column : i32) -> f32 { return b[column * uniforms.inner + at]; }
      fn store(row : i32, column : i32, sum : f32) {
        let place = row * uniforms.columns + column;
        result[place] = base[place] + uniforms.scale * sum;
      }`,
    }),
  });
}
