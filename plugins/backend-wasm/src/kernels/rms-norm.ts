import { rmsNormAddOperands, rmsNormGradOperands, rmsNormOperands } from '@nlakit/ops/operands';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { addressOf } from '../wasm-engine.js';
import type { WasmEngine } from '../wasm-engine.js';
import { output } from './define-kernel.js';
import type { WasmKernel } from './define-kernel.js';

/** NlaRmsNorm: `x (mean(x^2) + epsilon)^(-1/2) weight` over the last axis; weight `[width]` is optional. */
export const rmsNorm: WasmKernel = {
  name: 'NlaRmsNorm',
  run: (call) => {
    const { engine, attrs } = call;
    const { x, weight, rows, width } = rmsNormOperands(call);
    const out = output(engine, x.shape);
    engine.kernels.rmsNorm(addressOf(engine, x), addressOfWeight(engine, weight), out.address, rows, width, Number(attrs['epsilon']));
    return out.tensor;
  },
};

/** NlaRmsNormAdd: NlaRmsNorm of `x` added to `residual`. */
export const rmsNormAdd: WasmKernel = {
  name: 'NlaRmsNormAdd',
  run: (call) => {
    const { engine, attrs } = call;
    const { residual, x, weight, rows, width } = rmsNormAddOperands(call);
    const out = output(engine, x.shape);
    const [to, from] = [addressOf(engine, residual), addressOf(engine, x)];
    engine.kernels.rmsNormAdd(to, from, addressOfWeight(engine, weight), out.address, rows, width, Number(attrs['epsilon']));
    return out.tensor;
  },
};

/** NlaRmsNormGrad: the gradient of NlaRmsNorm with respect to x. */
export const rmsNormGrad: WasmKernel = {
  name: 'NlaRmsNormGrad',
  run: (call) => {
    const { engine, attrs } = call;
    const { x, weight, dy, rows, width } = rmsNormGradOperands(call);
    const out = output(engine, x.shape);
    const [from, factors, slope] = [addressOf(engine, x), addressOfWeight(engine, weight), addressOf(engine, dy)];
    engine.kernels.rmsNormGrad(from, factors, slope, out.address, rows, width, Number(attrs['epsilon']));
    return out.tensor;
  },
};

/** The address of the optional weight, 0 for none. */
function addressOfWeight(engine: WasmEngine, weight: TensorInfo | undefined): number {
  return weight === undefined ? 0 : addressOf(engine, weight);
}
