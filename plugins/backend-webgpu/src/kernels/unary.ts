import type { TensorInfo } from '@tensorflow/tfjs-core';
import { input } from '@nlakit/ops/operands';
import type { WebgpuCall, WebgpuKernel } from './define-kernel.js';
import { runProgram } from './run-program.js';
import { mathFunctions } from './wgsl.js';

/** Exp, exact to the last places where the driver's own is not. */
export const exp: WebgpuKernel = { name: 'Exp', run: (call) => unary(call, 'Exp', 'nlaExp') };

/** Tanh, likewise. */
export const tanh: WebgpuKernel = { name: 'Tanh', run: (call) => unary(call, 'Tanh', 'nlaTanh') };

function unary(call: WebgpuCall, kernel: string, name: string): TensorInfo {
  const x = input(call, kernel, 'x');
  return runProgram(call.backend, {
    key: kernel,
    inputs: { x },
    outputShape: x.shape,
    code: `${mathFunctions}
    fn main(index : i32) { if (index < uniforms.size) { result[index] = ${name}(x[index]); } }`,
  });
}
