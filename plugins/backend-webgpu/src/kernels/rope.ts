import { ropeOperands } from '@nlakit/ops/operands';
import type { WebgpuKernel } from './define-kernel.js';
import { runProgram } from './run-program.js';

/** NlaRope: x `[batch, position, head, headDim]` turned by the angles of cos and sin `[batch or 1, position, headDim / 2]`. */
export const rope: WebgpuKernel = {
  name: 'NlaRope',
  run: (call) => {
    const { x, cos, sin, sizes } = ropeOperands(call);
    const { tables, positions, heads, half } = sizes;
    return runProgram(call.backend, {
      key: 'NlaRope',
      inputs: { x, cosines: cos, sines: sin },
      integers: { heads, half, tableSize: tables * positions },
      floats: { direction: call.attrs['inverse'] === true ? -1 : 1 },
      outputShape: x.shape,
      code: `
      fn main(index : i32) {
        if (index < uniforms.size) {
          let half = uniforms.half;
          let element = index % (2 * half);
          let pair = element % half;
          let token = index / (2 * half * uniforms.heads);
          let place = (token % uniforms.tableSize) * half + pair;
          let turned = select(x[index - half], -x[index + half], element < half);
          result[index] = x[index] * cosines[place] + turned * sines[place] * uniforms.direction;
        }
      }`,
    });
  },
};
