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

/**
 * Codes of 16 scaled values in [-1, 1], one byte each, in order: the number of thresholds below. 15 z rounded to a whole number is the place of
 * z among 31; at most one threshold belongs to each of them (15 t rounded is another number for every threshold t), so the code is the number
 * of thresholds that belong to the places below, and one more if z is above the next. The edge between two places is at least 0.0012 away from
 * any threshold: whether rounding puts a value beside it to the one or the other makes no difference. A comparison gives -1 where it holds.
 */
// @ts-ignore: decorator
@inline
function codes16(a: v128, b: v128, c: v128, d: v128): v128 {
  // 1 to 31. Where an index is out of the table's range, a swizzle gives 0.
  const place = i8x16.narrow_i16x8_u(
    i16x8.narrow_i32x4_s(placeOf(a), placeOf(b)),
    i16x8.narrow_i32x4_s(placeOf(c), placeOf(d)),
  );
  const below = v128.or(
    i8x16.swizzle(i8x16(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 4, 5, 5, 6), place),
    i8x16.swizzle(i8x16(7, 7, 8, 9, 10, 11, 11, 12, 12, 13, 13, 14, 14, 14, 15, 15), i8x16.sub(place, i8x16.splat(16))),
  );
  // The bytes of the next threshold, from the lowest on; infinity after the last.
  const byte0 = i8x16.swizzle(i8x16(-40, 112, -128, 118, -20, -68, 113, -1, 98, -32, -44, -7, 4, -81, -38, 0), below);
  const byte1 = i8x16.swizzle(i8x16(28, 82, -124, -22, 60, 56, 120, -6, 72, 103, -126, 83, 109, -115, -119, 0), below);
  const byte2 = i8x16.swizzle(i8x16(89, 28, -21, -83, 112, 13, 58, 34, -10, 80, -107, -57, 0, 36, 92, -128), below);
  const byte3 = i8x16.swizzle(i8x16(-65, -65, -66, -66, -66, -66, -67, 61, 61, 62, 62, 62, 63, 63, 63, 127), below);
  const low01 = v128.shuffle<i8>(byte0, byte1, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const low23 = v128.shuffle<i8>(byte2, byte3, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const high01 = v128.shuffle<i8>(byte0, byte1, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  const high23 = v128.shuffle<i8>(byte2, byte3, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  const above = i8x16.narrow_i16x8_s(
    i16x8.narrow_i32x4_s(
      f32x4.gt(a, v128.shuffle<i16>(low01, low23, 0, 8, 1, 9, 2, 10, 3, 11)),
      f32x4.gt(b, v128.shuffle<i16>(low01, low23, 4, 12, 5, 13, 6, 14, 7, 15)),
    ),
    i16x8.narrow_i32x4_s(
      f32x4.gt(c, v128.shuffle<i16>(high01, high23, 0, 8, 1, 9, 2, 10, 3, 11)),
      f32x4.gt(d, v128.shuffle<i16>(high01, high23, 4, 12, 5, 13, 6, 14, 7, 15)),
    ),
  );
  return i8x16.sub(below, above);
}

/** 16 + 15 z, rounded: beside 1.5 * 2^23 a float has no room for a fraction, and its last bits are the whole number. */
// @ts-ignore: decorator
@inline
function placeOf(z: v128): v128 {
  const shifted = f32x4.add(f32x4.mul(z, f32x4.splat(15)), f32x4.splat(12582928));
  return i32x4.sub(shifted, i32x4.splat(0x4b400000));
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
