import { input, sizeOf } from '@nlakit/ops/operands';
import { addressOf } from '../wasm-engine.js';
import { output } from './define-kernel.js';
import type { WasmKernel } from './define-kernel.js';

/** NlaDropout: 0 where the hash of the place is below `rate` of its range, `x / (1 - rate)` elsewhere. */
export const dropout: WasmKernel = {
  name: 'NlaDropout',
  run: (call) => {
    const { engine, attrs } = call;
    const x = input(call, 'NlaDropout', 'x');
    const [rate, low, high] = [Number(attrs['rate']), Number(attrs['low']), Number(attrs['high'])];
    // 32 bits; WebAssembly takes them with or without a sign.
    const limit = Math.min(2 ** 32 - 1, Math.ceil(rate * 2 ** 32));
    const out = output(engine, x.shape);
    engine.kernels.dropout(addressOf(engine, x), out.address, sizeOf(x), limit, low, high, 1 / (1 - rate));
    return out.tensor;
  },
};
