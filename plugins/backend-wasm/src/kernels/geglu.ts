import { gegluGradOperands, gegluOperands, sizeOf } from '@nlakit/ops/operands';
import { addressOf } from '../wasm-engine.js';
import { output, outputs } from './define-kernel.js';
import type { WasmKernel } from './define-kernel.js';

/** NlaGeglu: gelu_tanh(gate) * up, elementwise. */
export const geglu: WasmKernel = {
  name: 'NlaGeglu',
  run: (call) => {
    const { engine } = call;
    const { gate, up } = gegluOperands(call);
    const out = output(engine, gate.shape);
    const { kernels, helpers, scratch } = engine;
    const [g, u] = [addressOf(engine, gate), addressOf(engine, up)];
    if (helpers === undefined) kernels.geglu(g, u, out.address, sizeOf(gate));
    else kernels.sharedGeglu(helpers.control, g, u, out.address, sizeOf(gate), scratch);
    return out.tensor;
  },
};

/** NlaGegluGrad: the gradients of NlaGeglu, `[dgate, dup]`, from its inputs and `dy`. */
export const gegluGrad: WasmKernel = {
  name: 'NlaGegluGrad',
  run: (call) => {
    const { engine } = call;
    const { gate, up, dy } = gegluGradOperands(call);
    const { tensors, addresses } = outputs(engine, [gate.shape, gate.shape]);
    const [dgate, dup] = addresses as [number, number];
    const [g, u, d] = [gate, up, dy].map((tensor) => addressOf(engine, tensor)) as [number, number, number];
    const { kernels, helpers, scratch } = engine;
    if (helpers === undefined) kernels.gegluGrad(g, u, d, dgate, dup, sizeOf(gate));
    else kernels.sharedGegluGrad(helpers.control, g, u, d, dgate, dup, sizeOf(gate), scratch);
    return tensors;
  },
};
