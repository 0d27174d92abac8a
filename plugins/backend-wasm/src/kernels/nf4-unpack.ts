import { addressOf } from '../wasm-engine.js';
import { input, output, requireShape, sizeOf } from './define-kernel.js';
import type { WasmKernel } from './define-kernel.js';

const name = 'NlaNf4Unpack';

/**
 * NlaNf4Unpack: codes int32 `[n / 8]` (the packed bytes in file order, element 2i in the high nibble) and absmax `[n / blockSize]` to f32
 * of attribute `shape`; what lies beyond it is padding. `blockSize` is a multiple of 32, as all of bitsandbytes' are.
 */
export const nf4Unpack: WasmKernel = {
  name,
  run: (call) => {
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
    engine.kernels.nf4Unpack(addressOf(engine, codes), addressOf(engine, absmax), out.address, count, blockSize, engine.scratch);
    return out.tensor;
  },
};
