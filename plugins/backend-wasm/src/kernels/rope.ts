import { util } from '@tensorflow/tfjs-core';
import { addressOf } from '../wasm-engine.js';
import { input, output, requireShape } from './define-kernel.js';
import type { WasmKernel } from './define-kernel.js';

const name = 'NlaRope';

/** NlaRope: x `[batch, position, head, headDim]` turned by the tables `[batch or 1, position, headDim / 2]`, split-half pairing. */
export const rope: WasmKernel = {
  name,
  run: (call) => {
    const { engine, attrs } = call;
    const x = input(call, name, 'x');
    const cos = input(call, name, 'cos');
    const sin = input(call, name, 'sin');
    const [batch = 0, positions = 0, heads = 0, headDim = 0] = x.shape;
    const [tables = 0] = cos.shape;
    const half = headDim / 2;
    requireShape(
      x.shape.length === 4 &&
        (tables === 1 || tables === batch) &&
        util.arraysEqual(cos.shape, [tables, positions, half]) &&
        util.arraysEqual(cos.shape, sin.shape),
      name,
      { x: x.shape, cos: cos.shape, sin: sin.shape },
      'x [batch, position, head, headDim], cos and sin [batch or 1, position, headDim / 2]',
    );
    const out = output(engine, x.shape);
    const [from, c, s] = [x, cos, sin].map((tensor) => addressOf(engine, tensor)) as [number, number, number];
    engine.kernels.rope(from, c, s, out.address, batch, tables, positions, heads, half, attrs['inverse'] === true);
    return out.tensor;
  },
};
