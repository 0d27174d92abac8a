import { gegluGradOperands, gegluOperands } from '@nlakit/ops/operands';
import type { WebgpuKernel } from './define-kernel.js';
import { runProgram } from './run-program.js';
import { mathFunctions } from './wgsl.js';

/** The tanh form of GELU: `g (1 + t) / 2` with `t = tanh(sqrt(2 / pi) (g + 0.044715 g^3))`. */
const innerTanh = `
${mathFunctions}
fn innerTanh(g : f32) -> f32 { return nlaTanh(0.7978845608028654 * g * (1.0 + 0.044715 * g * g)); }
`;

/** NlaGeglu: GELU(gate) times up. */
export const geglu: WebgpuKernel = {
  name: 'NlaGeglu',
  run: (call) => {
    const { gate, up } = gegluOperands(call);
    return runProgram(call.backend, {
      key: 'NlaGeglu',
      inputs: { gate, up },
      outputShape: gate.shape,
      code: `${innerTanh}
      fn main(index : i32) {
        if (index < uniforms.size) { result[index] = 0.5 * gate[index] * (1.0 + innerTanh(gate[index])) * up[index]; }
      }`,
    });
  },
};

/** NlaGegluGrad: the gradients of NlaGeglu with respect to gate and up, a program each: a program of tfjs has one output. */
export const gegluGrad: WebgpuKernel = {
  name: 'NlaGegluGrad',
  run: (call) => {
    const { gate, up, dy } = gegluGradOperands(call);
    const ofGate = runProgram(call.backend, {
      key: 'NlaGegluGrad gate',
      inputs: { gate, up, dy },
      outputShape: gate.shape,
      code: `${innerTanh}
      fn main(index : i32) {
        if (index < uniforms.size) {
          let g = gate[index];
          let t = innerTanh(g);
          let slope = 0.5 * (1.0 + t) + 0.5 * g * (1.0 - t) * (1.0 + t) * 0.7978845608028654 * (1.0 + 0.134145 * g * g);
          result[index] = dy[index] * up[index] * slope;
        }
      }`,
    });
    const ofUp = runProgram(call.backend, {
      key: 'NlaGegluGrad up',
      inputs: { gate, dy },
      outputShape: gate.shape,
      code: `${innerTanh}
      fn main(index : i32) {
        if (index < uniforms.size) { result[index] = dy[index] * 0.5 * gate[index] * (1.0 + innerTanh(gate[index])); }
      }`,
    });
    return [ofGate, ofUp];
  },
};
