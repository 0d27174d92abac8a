import type { TensorInfo } from '@tensorflow/tfjs-core';
import { addressOf } from '../wasm-engine.js';
import { input, output, requireShape, sizeOf } from './define-kernel.js';
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
  const codes = input(call, name, 'codes', 'int32');
  const absmax = input(call, name, 'absmax');
  const shape = attrs['shape'] as readonly number[];
  const blockSize = Number(attrs['blockSize']);
  const count = shape.reduce((product, dimension) => product * dimension, 1);
  requireShape(
    blockSize > 0 && blockSize % 32 === 0 && sizeOf(codes) * 8 >= count && sizeOf(absmax) * blockSize >= count,
    name,
    { codes: codes.shape, absmax: absmax.shape, shape, blockSize: [blockSize] },
    'blockSize a multiple of 32, 8 codes per int32 and one absmax per block for every element of shape',
  );
  const out = output(engine, shape);
  const kernel = dtype === 'bfloat16' ? engine.kernels.nf4UnpackBf16 : engine.kernels.nf4Unpack;
  kernel(addressOf(engine, codes), addressOf(engine, absmax), out.address, count, blockSize, engine.scratch);
  if (dtype === 'float16') engine.kernels.roundF16(out.address, out.address, count);
  return out.tensor;
}
