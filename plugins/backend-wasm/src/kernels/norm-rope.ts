import { util } from '@tensorflow/tfjs-core';
import { addressOf } from '../wasm-engine.js';
import { input, output, requireShape } from './define-kernel.js';
import type { WasmCall, WasmKernel } from './define-kernel.js';

/**
 * NlaNormRope: x `[batch * position, head * headDim]` by heads, each normed with weight `[headDim]` and turned by the tables
 * `[batch or 1, position, headDim / 2]`: `[batch, position, head, headDim]`.
 */
export const normRope: WasmKernel = {
  name: 'NlaNormRope',
  run: (call) => {
    const { engine } = call;
    const { addresses, sizes, shape, epsilon } = operands(call, 'NlaNormRope');
    const out = output(engine, shape);
    engine.kernels.normRope(...addresses, out.address, ...sizes, epsilon);
    return out.tensor;
  },
};

/** NlaNormRopeGrad: the gradient of NlaNormRope in x, in the shape of x, from dy `[batch, position, head, headDim]`. */
export const normRopeGrad: WasmKernel = {
  name: 'NlaNormRopeGrad',
  run: (call) => {
    const { engine } = call;
    const { addresses, sizes, shape, epsilon, x } = operands(call, 'NlaNormRopeGrad');
    const dy = input(call, 'NlaNormRopeGrad', 'dy');
    requireShape(util.arraysEqual(dy.shape, shape), 'NlaNormRopeGrad', { x: x.shape, dy: dy.shape }, `dy [${shape.join(', ')}]`);
    const out = output(engine, x.shape);
    engine.kernels.normRopeGrad(...addresses, addressOf(engine, dy), out.address, ...sizes, epsilon);
    return out.tensor;
  },
};

function operands(call: WasmCall, kernel: string) {
  const [x, weight, cos, sin] = [
    input(call, kernel, 'x'),
    input(call, kernel, 'weight'),
    input(call, kernel, 'cos'),
    input(call, kernel, 'sin'),
  ];
  const [rows = 0, width = 0] = x.shape;
  const [tables = 0, positions = 0, half = 0] = cos.shape;
  const [batch, heads] = [rows / Math.max(positions, 1), width / Math.max(2 * half, 1)];
  requireShape(
    x.shape.length === 2 &&
      cos.shape.length === 3 &&
      util.arraysEqual(cos.shape, sin.shape) &&
      util.arraysEqual(weight.shape, [2 * half]) &&
      Number.isInteger(batch) &&
      Number.isInteger(heads) &&
      (tables === 1 || tables === batch),
    kernel,
    { x: x.shape, weight: weight.shape, cos: cos.shape, sin: sin.shape },
    'x [batch * position, head * headDim], weight [headDim], cos and sin [batch or 1, position, headDim / 2]',
  );
  const { engine, attrs } = call;
  return {
    x,
    addresses: [x, weight, cos, sin].map((tensor) => addressOf(engine, tensor)) as [number, number, number, number],
    sizes: [batch, tables, positions, heads, half] as const,
    shape: [batch, positions, heads, 2 * half],
    epsilon: Number(attrs['epsilon']),
  };
}
