/**
 * Packs `count` values into NF4 by blocks of `block` values (a multiple of 32; a last block may be shorter): per block the largest
 * magnitude to `absmax`, per value the number of thresholds strictly below value * f32(1 / absmax), two codes per byte, the first in the
 * high nibble. In a short last block the value is divided by absmax instead, as bitsandbytes does it. An odd value at the end is completed
 * with the code of zero.
 *
 * Returns the index of the first block that holds a NaN or an infinity, before which everything is packed, or -1.
 */
export function packF32(input: usize, count: u32, block: u32, packed: usize, absmax: usize): i32 {
  const blocks = count / block;
  for (let index: u32 = 0; index < blocks; index++) {
    let most = i32x4.splat(0);
    for (let i: u32 = 0; i < block; i += 16) {
      const at = input + i * 4;
      const a = i32x4.max_u(magnitude(v128.load(at)), magnitude(v128.load(at, 16)));
      const b = i32x4.max_u(magnitude(v128.load(at, 32)), magnitude(v128.load(at, 48)));
      most = i32x4.max_u(most, i32x4.max_u(a, b));
    }
    const bits = max(
      max(i32x4.extract_lane(most, 0), i32x4.extract_lane(most, 1)),
      max(i32x4.extract_lane(most, 2), i32x4.extract_lane(most, 3)),
    );
    // Without the sign, values are ordered as their bits are; from 0x7f800000 on they are not finite.
    if (bits >= 0x7f800000) return index;
    const largest = reinterpret<f32>(bits);
    store<f32>(absmax, largest);
    const inverse = f32x4.splat(inverseOf(largest));
    for (let i: u32 = 0; i < block; i += 32) {
      const at = input + i * 4;
      v128.store(
        packed,
        i8x16.narrow_i16x8_u(
          nibbles(codes16(
            f32x4.mul(v128.load(at), inverse),
            f32x4.mul(v128.load(at, 16), inverse),
            f32x4.mul(v128.load(at, 32), inverse),
            f32x4.mul(v128.load(at, 48), inverse),
          )),
          nibbles(codes16(
            f32x4.mul(v128.load(at, 64), inverse),
            f32x4.mul(v128.load(at, 80), inverse),
            f32x4.mul(v128.load(at, 96), inverse),
            f32x4.mul(v128.load(at, 112), inverse),
          )),
        ),
      );
      packed += 16;
    }
    input += block * 4;
    absmax += 4;
  }
  const left = count - blocks * block;
  if (left == 0) return -1;
  let bits: u32 = 0;
  for (let i: u32 = 0; i < left; i++) bits = max(bits, load<u32>(input + i * 4) & 0x7fffffff);
  if (bits >= 0x7f800000) return blocks;
  const largest = reinterpret<f32>(bits);
  store<f32>(absmax, largest);
  const divisor = max(<f64>largest, 1e-38);
  for (let i: u32 = 0; i < left; i += 2) {
    const high = codeOf(<f32>(<f64>load<f32>(input + i * 4) / divisor));
    const low = i + 1 < left ? codeOf(<f32>(<f64>load<f32>(input + i * 4, 4) / divisor)) : 7;
    store<u8>(packed + (i >> 1), (high << 4) | low);
  }
  return -1;
}

/** Widens `count` bfloat16 values at `input` to f32 at `output`; reads and writes whole groups of 8. */
export function widenBf16(input: usize, count: u32, output: usize): void {
  for (let i: u32 = 0; i < count; i += 8) {
    const halves = v128.load(input + i * 2);
    const zero = i16x8.splat(0);
    v128.store(output + i * 4, v128.shuffle<i16>(zero, halves, 0, 8, 1, 9, 2, 10, 3, 11));
    v128.store(output + i * 4, v128.shuffle<i16>(zero, halves, 4, 12, 5, 13, 6, 14, 7, 15), 16);
  }
}

// @ts-ignore: decorator
@inline
function magnitude(bits: v128): v128 {
  return v128.and(bits, i32x4.splat(0x7fffffff));
}

/** The division is exact in f64 and rounded once. The bound is that of bitsandbytes. */
// @ts-ignore: decorator
@inline
function inverseOf(largest: f32): f32 {
  return <f32>(1.0 / max(<f64>largest, 1e-38));
}

/** Codes of 16 scaled values, one byte each, in order: the number of thresholds below. A comparison gives -1 where it holds. */
// @ts-ignore: decorator
@inline
function codes16(a: v128, b: v128, c: v128, d: v128): v128 {
  let count = i8x16.splat(0);
  count = i8x16.sub(count, above(a, b, c, d, -0.8480963706970215));
  count = i8x16.sub(count, above(a, b, c, d, -0.6106328964233398));
  count = i8x16.sub(count, above(a, b, c, d, -0.4599952697753906));
  count = i8x16.sub(count, above(a, b, c, d, -0.33967941999435425));
  count = i8x16.sub(count, above(a, b, c, d, -0.23460739850997925));
  count = i8x16.sub(count, above(a, b, c, d, -0.13791173696517944));
  count = i8x16.sub(count, above(a, b, c, d, -0.045525018125772476));
  count = i8x16.sub(count, above(a, b, c, d, 0.03979014977812767));
  count = i8x16.sub(count, above(a, b, c, d, 0.120255246758461));
  count = i8x16.sub(count, above(a, b, c, d, 0.2035212516784668));
  count = i8x16.sub(count, above(a, b, c, d, 0.2920137643814087));
  count = i8x16.sub(count, above(a, b, c, d, 0.3893125355243683));
  count = i8x16.sub(count, above(a, b, c, d, 0.5016634464263916));
  count = i8x16.sub(count, above(a, b, c, d, 0.6427869200706482));
  return i8x16.sub(count, above(a, b, c, d, 0.8614784479141235));
}

// @ts-ignore: decorator
@inline
function above(a: v128, b: v128, c: v128, d: v128, threshold: f32): v128 {
  const t = f32x4.splat(threshold);
  return i8x16.narrow_i16x8_s(
    i16x8.narrow_i32x4_s(f32x4.gt(a, t), f32x4.gt(b, t)),
    i16x8.narrow_i32x4_s(f32x4.gt(c, t), f32x4.gt(d, t)),
  );
}

/** 16 codes as 8 bytes of two, each in a lane of 16 bits. */
// @ts-ignore: decorator
@inline
function nibbles(codes: v128): v128 {
  return v128.or(v128.and(i16x8.shl(codes, 4), i16x8.splat(0xf0)), i16x8.shr_u(codes, 8));
}

function codeOf(z: f32): u32 {
  return <u32>(z > -0.8480963706970215) + <u32>(z > -0.6106328964233398) + <u32>(z > -0.4599952697753906)
    + <u32>(z > -0.33967941999435425) + <u32>(z > -0.23460739850997925) + <u32>(z > -0.13791173696517944)
    + <u32>(z > -0.045525018125772476) + <u32>(z > 0.03979014977812767) + <u32>(z > 0.120255246758461)
    + <u32>(z > 0.2035212516784668) + <u32>(z > 0.2920137643814087) + <u32>(z > 0.3893125355243683)
    + <u32>(z > 0.5016634464263916) + <u32>(z > 0.6427869200706482) + <u32>(z > 0.8614784479141235);
}
