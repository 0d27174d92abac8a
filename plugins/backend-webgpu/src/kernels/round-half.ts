import { input } from '@nlakit/ops/operands';
import type { WebgpuKernel } from './define-kernel.js';
import { runProgram } from './run-program.js';

/** `roundStorage(x)`: f32 rounded to that dtype and back, ties to even. On bits, since WGSL leaves the rounding of f16 open. */
export function roundStorageFunction(dtype: string): string {
  if (dtype === 'bfloat16') {
    return `fn roundStorage(x : f32) -> f32 {
      let bits = bitcast<u32>(x);
      let rounded = bitcast<f32>((bits + 0x7fffu + ((bits >> 16u) & 1u)) & 0xffff0000u);
      return select(rounded, x, isnan(x));
    }`;
  }
  if (dtype === 'float16') {
    return `fn roundStorage(x : f32) -> f32 {
      let bits = bitcast<u32>(x);
      let magnitude = bits & 0x7fffffffu;
      if (magnitude > 0x7f800000u) { return x; }
      let sign = bits & 0x80000000u;
      // Below 2^-14 the values of f16 are the multiples of 2^-24.
      if (magnitude < 0x38800000u) {
        return bitcast<f32>(sign | bitcast<u32>(round(bitcast<f32>(magnitude) * 16777216.0) / 16777216.0));
      }
      let rounded = (magnitude + 0xfffu + ((magnitude >> 13u) & 1u)) & 0xffffe000u;
      return bitcast<f32>(sign | select(rounded, 0x7f800000u, rounded >= 0x47800000u));
    }`;
  }
  return 'fn roundStorage(x : f32) -> f32 { return x; }';
}

/** NlaRoundHalf: f32 rounded to attribute `dtype`, `bfloat16` or `float16`, and back; `float32` copies. */
export const roundHalf: WebgpuKernel = {
  name: 'NlaRoundHalf',
  run: (call) => {
    const x = input(call, 'NlaRoundHalf', 'x');
    const dtype = String(call.attrs['dtype']);
    return runProgram(call.backend, {
      key: `NlaRoundHalf ${dtype}`,
      inputs: { x },
      outputShape: x.shape,
      code: `${roundStorageFunction(dtype)}
      fn main(index : i32) { if (index < uniforms.size) { result[index] = roundStorage(x[index]); } }`,
    });
  },
};
