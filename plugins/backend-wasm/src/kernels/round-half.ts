import { input, sizeOf } from '@nlakit/ops/operands';
import { addressOf } from '../wasm-engine.js';
import { output } from './define-kernel.js';
import type { WasmKernel } from './define-kernel.js';

/** NlaRoundHalf: f32 rounded to attribute `dtype`, `bfloat16` or `float16`, and back; `float32` copies. Ties to even. */
export const roundHalf: WasmKernel = {
  name: 'NlaRoundHalf',
  run: (call) => {
    const { engine, attrs } = call;
    const x = input(call, 'NlaRoundHalf', 'x');
    const out = output(engine, x.shape);
    const [from, count] = [addressOf(engine, x), sizeOf(x)];
    if (attrs['dtype'] === 'bfloat16') engine.kernels.roundBf16(from, out.address, count);
    else if (attrs['dtype'] === 'float16') engine.kernels.roundF16(from, out.address, count);
    else engine.kernels.copyRows(from, count * 4, out.address, count * 4, count * 4, 1);
    return out.tensor;
  },
};
