import { ropeOperands } from '@nlakit/ops/operands';
import { addressOf } from '../wasm-engine.js';
import { output } from './define-kernel.js';
import type { WasmKernel } from './define-kernel.js';

/** NlaRope: x `[batch, position, head, headDim]` turned by the tables `[batch or 1, position, headDim / 2]`, split-half pairing. */
export const rope: WasmKernel = {
  name: 'NlaRope',
  run: (call) => {
    const { engine, attrs } = call;
    const { x, cos, sin, sizes } = ropeOperands(call);
    const { batch, tables, positions, heads, half } = sizes;
    const out = output(engine, x.shape);
    const [from, c, s] = [x, cos, sin].map((tensor) => addressOf(engine, tensor)) as [number, number, number];
    engine.kernels.rope(from, c, s, out.address, batch, tables, positions, heads, half, attrs['inverse'] === true);
    return out.tensor;
  },
};
