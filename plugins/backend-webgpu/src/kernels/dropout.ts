import { input } from '@nlakit/ops/operands';
import type { WebgpuKernel } from './define-kernel.js';
import { runProgram } from './run-program.js';

/** NlaDropout: element i is dropped if a hash of i and 64 bits of seed is below `rate 2^32`, the hash that @nlakit/ops describes. */
export const dropout: WebgpuKernel = {
  name: 'NlaDropout',
  run: (call) => {
    const x = input(call, 'NlaDropout', 'x');
    const rate = Number(call.attrs['rate']);
    return runProgram(call.backend, {
      key: 'NlaDropout',
      inputs: { x },
      // The hash is a whole number, so it is below the limit iff it is below the next whole number. As the bits of a signed one.
      integers: {
        low: Number(call.attrs['low']) | 0,
        high: Number(call.attrs['high']) | 0,
        limit: Math.min(Math.ceil(rate * 2 ** 32), 2 ** 32 - 1) | 0,
      },
      floats: { kept: 1 / (1 - rate) },
      outputShape: x.shape,
      code: `
      fn scrambled(value : u32) -> u32 {
        var hash = value;
        hash = (hash ^ (hash >> 16u)) * 0x7feb352du;
        hash = (hash ^ (hash >> 15u)) * 0x846ca68bu;
        return hash ^ (hash >> 16u);
      }
      fn main(index : i32) {
        if (index < uniforms.size) {
          let hash = scrambled(scrambled(bitcast<u32>(index + uniforms.low)) + bitcast<u32>(uniforms.high));
          result[index] = select(x[index] * uniforms.kept, 0.0, hash < bitcast<u32>(uniforms.limit));
        }
      }`,
    });
  },
};
