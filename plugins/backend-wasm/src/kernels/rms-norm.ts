import { util } from '@tensorflow/tfjs-core';
import { addressOf } from '../wasm-engine.js';
import { input, output, requireShape, rowsOf } from './define-kernel.js';
import type { WasmCall, WasmKernel } from './define-kernel.js';

/** NlaRmsNorm: `x (mean(x^2) + epsilon)^(-1/2) weight` over the last axis; weight `[width]` is optional. */
export const rmsNorm: WasmKernel = {
  name: 'NlaRmsNorm',
  run: (call) => {
    const { engine, attrs } = call;
    const x = input(call, 'NlaRmsNorm', 'x');
    const { rows, width } = rowsOf(x);
    const weight = weightAddress(call, 'NlaRmsNorm', width);
    const out = output(engine, x.shape);
    engine.kernels.rmsNorm(addressOf(engine, x), weight, out.address, rows, width, Number(attrs['epsilon']));
    return out.tensor;
  },
};

/** NlaRmsNormAdd: NlaRmsNorm of `x` added to `residual`. */
export const rmsNormAdd: WasmKernel = {
  name: 'NlaRmsNormAdd',
  run: (call) => {
    const { engine, attrs } = call;
    const residual = input(call, 'NlaRmsNormAdd', 'residual');
    const x = input(call, 'NlaRmsNormAdd', 'x');
    const { rows, width } = rowsOf(x);
    requireShape(util.arraysEqual(x.shape, residual.shape), 'NlaRmsNormAdd', { residual: residual.shape, x: x.shape }, 'equal shapes');
    const weight = weightAddress(call, 'NlaRmsNormAdd', width);
    const out = output(engine, x.shape);
    const [to, from] = [addressOf(engine, residual), addressOf(engine, x)];
    engine.kernels.rmsNormAdd(to, from, weight, out.address, rows, width, Number(attrs['epsilon']));
    return out.tensor;
  },
};

/** NlaRmsNormGrad: the gradient of NlaRmsNorm with respect to x. */
export const rmsNormGrad: WasmKernel = {
  name: 'NlaRmsNormGrad',
  run: (call) => {
    const { engine, attrs } = call;
    const x = input(call, 'NlaRmsNormGrad', 'x');
    const dy = input(call, 'NlaRmsNormGrad', 'dy');
    const { rows, width } = rowsOf(x);
    requireShape(util.arraysEqual(x.shape, dy.shape), 'NlaRmsNormGrad', { x: x.shape, dy: dy.shape }, 'equal shapes');
    const weight = weightAddress(call, 'NlaRmsNormGrad', width);
    const out = output(engine, x.shape);
    engine.kernels.rmsNormGrad(addressOf(engine, x), weight, addressOf(engine, dy), out.address, rows, width, Number(attrs['epsilon']));
    return out.tensor;
  },
};

/** The address of the optional weight, 0 for none. */
function weightAddress(call: WasmCall, kernel: string, width: number): number {
  if (call.inputs['weight'] === undefined || call.inputs['weight'] === null) return 0;
  const weight = input(call, kernel, 'weight');
  requireShape(util.arraysEqual(weight.shape, [width]), kernel, { weight: weight.shape }, `weight [${width}]`);
  return addressOf(call.engine, weight);
}
