import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import { runProgram } from './run-program.js';

const GROUP = 256;

/** Shift of numbers among which one is no finite number. */
const NOT_FINITE = 1000;

/**
 * WGSL to bring f32 into the range of f16, 2^-14 to 65504, and back. Numbers are multiplied by `twoTo(shift)`, where `shiftOf(bits)`,
 * for the largest bits of their magnitudes, puts the largest number between 2^14 and 2^15: what is up to 2^28 times smaller keeps the
 * precision of f16, and nothing overflows. Powers of two round nothing. `shiftedBack(sum, left, right)` undoes the shifts of both
 * operands of a product; it is NaN where one of them was not finite.
 */
export const halfRangeFunctions = `
fn magnitudeBits(x : f32) -> u32 { return bitcast<u32>(x) & 0x7fffffffu; }
fn shiftOf(bits : u32) -> i32 {
  let exponent = i32(bits >> 23u);
  if (exponent == 255) { return ${NOT_FINITE}; }
  return clamp(14 + 127 - exponent, -113, 126);
}
fn twoTo(shift : i32) -> f32 { return bitcast<f32>(u32(clamp(shift, -126, 127) + 127) << 23u); }
fn shiftedBack(sum : f32, left : i32, right : i32) -> f32 {
  if (left == ${NOT_FINITE} || right == ${NOT_FINITE}) { return uniforms.NAN; }
  // In two steps of like sign, because the whole power may be beyond f32 where the result is not.
  let whole = -(left + right);
  let half = whole / 2;
  return sum * twoTo(half) * twoTo(whole - half);
}`;

/** The shift of each row of `operand` `[rows, width]`, int32 `[rows]`. See {@link halfRangeFunctions}. The caller disposes of it. */
export function rowShifts(backend: WebGPUBackend, operand: TensorInfo, rows: number, width: number): TensorInfo {
  return runProgram(backend, {
    key: 'rowShifts',
    inputs: { operand },
    integers: { rows, width },
    outputShape: [rows],
    outputDtype: 'int32',
    groupSize: GROUP,
    groups: [rows],
    code: `
    var<workgroup> largest : atomic<u32>;
    ${halfRangeFunctions}
    fn main(index : i32) {
      let lane = i32(localIndex);
      let row = index / ${GROUP};
      var bits = 0u;
      if (row < uniforms.rows) {
        for (var at = lane; at < uniforms.width; at = at + ${GROUP}) {
          bits = max(bits, magnitudeBits(operand[row * uniforms.width + at]));
        }
      }
      atomicMax(&largest, bits);
      workgroupBarrier();
      if (lane == 0 && row < uniforms.rows) { result[row] = shiftOf(atomicLoad(&largest)); }
    }`,
  });
}
