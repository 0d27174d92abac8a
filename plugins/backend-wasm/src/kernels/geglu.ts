import { util } from '@tensorflow/tfjs-core';
import { addressOf } from '../wasm-engine.js';
import { input, output, outputs, requireShape, sizeOf } from './define-kernel.js';
import type { WasmKernel } from './define-kernel.js';

/** NlaGeglu: gelu_tanh(gate) * up, elementwise. */
export const geglu: WasmKernel = {
  name: 'NlaGeglu',
  run: (call) => {
    const { engine } = call;
    const gate = input(call, 'NlaGeglu', 'gate');
    const up = input(call, 'NlaGeglu', 'up');
    requireShape(util.arraysEqual(gate.shape, up.shape), 'NlaGeglu', { gate: gate.shape, up: up.shape }, 'equal shapes');
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
    const gate = input(call, 'NlaGegluGrad', 'gate');
    const up = input(call, 'NlaGegluGrad', 'up');
    const dy = input(call, 'NlaGegluGrad', 'dy');
    requireShape(
      util.arraysEqual(gate.shape, up.shape) && util.arraysEqual(gate.shape, dy.shape),
      'NlaGegluGrad',
      { gate: gate.shape, up: up.shape, dy: dy.shape },
      'equal shapes',
    );
    const { tensors, addresses } = outputs(engine, [gate.shape, gate.shape]);
    const [dgate, dup] = addresses as [number, number];
    const [g, u, d] = [gate, up, dy].map((tensor) => addressOf(engine, tensor)) as [number, number, number];
    const { kernels, helpers, scratch } = engine;
    if (helpers === undefined) kernels.gegluGrad(g, u, d, dgate, dup, sizeOf(gate));
    else kernels.sharedGegluGrad(helpers.control, g, u, d, dgate, dup, sizeOf(gate), scratch);
    return tensors;
  },
};
