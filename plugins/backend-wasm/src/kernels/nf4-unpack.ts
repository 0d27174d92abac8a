import type { TensorInfo } from '@tensorflow/tfjs-core';
import { nf4Operands } from '@nlakit/ops/operands';
import { addressOf } from '../wasm-engine.js';
import { output } from './define-kernel.js';
import type { WasmCall, WasmKernel } from './define-kernel.js';

/**
 * NlaNf4Unpack: codes int32 `[n / 8]` (the packed bytes in file order, element 2i in the high nibble) and absmax `[n / blockSize]` to f32
 * of attribute `shape`; what lies beyond it is padding. `blockSize` is a multiple of 32, as all of bitsandbytes' are.
 */
export const nf4Unpack: WasmKernel = { name: 'NlaNf4Unpack', run: (call) => unpack(call, 'NlaNf4Unpack', 'float32') };

/** NlaNf4UnpackHalf: the same, rounded to attribute `dtype`, `bfloat16` or `float16`, and back. Ties to even. */
export const nf4UnpackHalf: WasmKernel = {
  name: 'NlaNf4UnpackHalf',
  run: (call) => unpack(call, 'NlaNf4UnpackHalf', call.attrs['dtype']),
};

function unpack(call: WasmCall, name: string, dtype: unknown): TensorInfo {
  const { engine, attrs } = call;
  const shape = attrs['shape'] as readonly number[];
  const { codes, absmax, blockSize, count } = nf4Operands(call, name, shape, 32);
  const out = output(engine, shape);
  const kernel = dtype === 'bfloat16' ? engine.kernels.nf4UnpackBf16 : engine.kernels.nf4Unpack;
  kernel(addressOf(engine, codes), addressOf(engine, absmax), out.address, count, blockSize, engine.scratch);
  if (dtype === 'float16') engine.kernels.roundF16(out.address, out.address, count);
  return out.tensor;
}
