import { input, requireShape } from './define-kernel.js';
import type { WebgpuKernel } from './define-kernel.js';
import { runProgram } from './run-program.js';
import { TILE, TILE_GROUP, tiledProduct } from './tiled-product.js';

/** Up to that many rows, as in generation, a tile would be mostly empty. */
const FEW_ROWS = 8;

/**
 * NlaLoraUp: `base + scale * low bᵀ`, with base `[rows, out]`, low `[rows, rank]` and b `[out, rank]`. Its gradient has long sums and few
 * results, which the product of tfjs splits among workgroups (adding the parts with atomics), so that one stays a composition.
 */
export const loraUp: WebgpuKernel = {
  name: 'NlaLoraUp',
  run: (call) => {
    const base = input(call, 'NlaLoraUp', 'base');
    const low = input(call, 'NlaLoraUp', 'low');
    const b = input(call, 'NlaLoraUp', 'b');
    const [rows = 0, columns = 0] = base.shape;
    const inner = low.shape[1] ?? 0;
    requireShape(
      base.shape.length === 2 &&
        low.shape.length === 2 &&
        b.shape.length === 2 &&
        low.shape[0] === rows &&
        b.shape.join() === `${columns},${inner}`,
      'NlaLoraUp',
      { base: base.shape, low: low.shape, b: b.shape },
      'base [rows, out], low [rows, rank] and b [out, rank]',
    );
    const shared = {
      inputs: { base, low, b },
      integers: { rows, columns, inner },
      floats: { scale: Number(call.attrs['scale']) },
      outputShape: base.shape,
    };
    if (rows <= FEW_ROWS) {
      return runProgram(call.backend, {
        ...shared,
        key: 'NlaLoraUp few',
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
      key: 'NlaLoraUp tiled',
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
  },
};
