import { input, requireShape } from './define-kernel.js';
import type { WebgpuKernel } from './define-kernel.js';
import { runProgram } from './run-program.js';

/** NlaRope: x `[batch, position, head, headDim]` turned by the angles of cos and sin `[batch or 1, position, headDim / 2]`. */
export const rope: WebgpuKernel = {
  name: 'NlaRope',
  run: (call) => {
    const x = input(call, 'NlaRope', 'x');
    const cos = input(call, 'NlaRope', 'cos');
    const sin = input(call, 'NlaRope', 'sin');
    const [batch = 0, length = 0, heads = 0, headDim = 0] = x.shape;
    const rows = cos.shape[0] ?? 0;
    requireShape(
      x.shape.length === 4 &&
        headDim % 2 === 0 &&
        (rows === 1 || rows === batch) &&
        cos.shape.join() === `${rows},${length},${headDim / 2}` &&
        sin.shape.join() === cos.shape.join(),
      'NlaRope',
      { x: x.shape, cos: cos.shape, sin: sin.shape },
      'x [batch, position, head, headDim], cos and sin [batch or 1, position, headDim / 2]',
    );
    return runProgram(call.backend, {
      key: 'NlaRope',
      inputs: { x, cosines: cos, sines: sin },
      integers: { heads, half: headDim / 2, tableSize: rows * length },
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
