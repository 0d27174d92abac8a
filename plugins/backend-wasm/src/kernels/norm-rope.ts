import { normRopeGradOperands, normRopeOperands, type NormRopeOperands } from '@nlakit/ops/operands';
import { addressOf } from '../wasm-engine.js';
import { output } from './define-kernel.js';
import type { WasmCall, WasmKernel } from './define-kernel.js';

/**
 * NlaNormRope: x `[batch * position, head * headDim]` by heads, each normed with weight `[headDim]` and turned by the tables
 * `[batch or 1, position, headDim / 2]`: `[batch, position, head, headDim]`.
 */
export const normRope: WasmKernel = {
  name: 'NlaNormRope',
  run: (call) => {
    const operands = normRopeOperands(call);
    const out = output(call.engine, operands.byHead);
    call.engine.kernels.normRope(...addresses(call, operands), out.address, ...settings(call, operands));
    return out.tensor;
  },
};

/** NlaNormRopeGrad: the gradient of NlaNormRope in x, in the shape of x, from dy `[batch, position, head, headDim]`. */
export const normRopeGrad: WasmKernel = {
  name: 'NlaNormRopeGrad',
  run: (call) => {
    const operands = normRopeGradOperands(call);
    const out = output(call.engine, operands.x.shape);
    const dy = addressOf(call.engine, operands.dy);
    call.engine.kernels.normRopeGrad(...addresses(call, operands), dy, out.address, ...settings(call, operands));
    return out.tensor;
  },
};

function addresses({ engine }: WasmCall, { x, weight, cos, sin }: NormRopeOperands): [x: number, weight: number, cos: number, sin: number] {
  return [addressOf(engine, x), addressOf(engine, weight), addressOf(engine, cos), addressOf(engine, sin)];
}

function settings({ attrs }: WasmCall, { sizes: { batch, tables, positions, heads, half } }: NormRopeOperands) {
  return [batch, tables, positions, heads, half, Number(attrs['epsilon'])] as const;
}
