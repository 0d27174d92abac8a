/**
 * out[i] = value[code i] * absmax[i / block], two codes per byte, the first in the high nibble. The 16 values of NF4 are split into four planes,
 * one per byte of their f32 form, so that a byte swizzle looks up 16 of them at a time; interleaving the planes gives the floats. 32
 * elements a turn: `block` must be a multiple of 32, and `codes` readable up to the next multiple of 16 bytes. `edge`: 128 bytes.
 */
export function nf4Unpack(codes: usize, absmax: usize, out: usize, n: u32, block: u32, edge: usize): void {
  let left = n;
  let inBlock: u32 = 0;
  let scale = v128.load32_splat(absmax);
  while (left >= 32) {
    if (inBlock == block) {
      inBlock = 0;
      absmax += 4;
      scale = v128.load32_splat(absmax);
    }
    unpack32(codes, scale, out);
    codes += 16;
    out += 128;
    left -= 32;
    inBlock += 32;
  }
  if (left > 0) {
    if (inBlock == block) scale = v128.load32_splat(absmax, 4);
    unpack32(codes, scale, edge);
    for (let i: usize = 0; i < <usize>left * 4; i += 4) store<f32>(out + i, load<f32>(edge + i));
  }
}

// @ts-ignore: decorator
@inline
function unpack32(codes: usize, scale: v128, out: usize): void {
  const bytes = v128.load(codes);
  const high = i8x16.shr_u(bytes, 4);
  const low = v128.and(bytes, i8x16.splat(15));
  unpack16(v128.shuffle<i8>(high, low, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23), scale, out);
  unpack16(v128.shuffle<i8>(high, low, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31), scale, out + 64);
}

// @ts-ignore: decorator
@inline
function unpack16(x: v128, scale: v128, out: usize): void {
  const plane0 = i8x16(0, -79, 48, -96, 77, 63, 113, 0, -1, -29, -35, 58, -72, -85, -77, 0);
  const plane1 = i8x16(0, 57, 107, 50, -94, 53, 120, 0, -6, -54, 4, 3, -92, 7, 19, 0);
  const plane2 = i8x16(-128, 50, 6, -54, -111, 61, -70, 0, -94, 36, 124, -83, -31, 16, 57, -128);
  const plane3 = i8x16(-65, -65, -65, -66, -66, -66, -67, 0, 61, 62, 62, 62, 62, 63, 63, 63);
  const a0 = lookUp(plane0, x), a1 = lookUp(plane1, x), a2 = lookUp(plane2, x), a3 = lookUp(plane3, x);
  const l01 = v128.shuffle<i8>(a0, a1, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const h01 = v128.shuffle<i8>(a0, a1, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  const l23 = v128.shuffle<i8>(a2, a3, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const h23 = v128.shuffle<i8>(a2, a3, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  v128.store(out, f32x4.mul(scale, v128.shuffle<i16>(l01, l23, 0, 8, 1, 9, 2, 10, 3, 11)));
  v128.store(out, f32x4.mul(scale, v128.shuffle<i16>(l01, l23, 4, 12, 5, 13, 6, 14, 7, 15)), 16);
  v128.store(out, f32x4.mul(scale, v128.shuffle<i16>(h01, h23, 0, 8, 1, 9, 2, 10, 3, 11)), 32);
  v128.store(out, f32x4.mul(scale, v128.shuffle<i16>(h01, h23, 4, 12, 5, 13, 6, 14, 7, 15)), 48);
}

/**
 * The same, rounded to bfloat16: a block has 16 different values, so they are multiplied and rounded once for each block. They are then two planes of
 * bytes, the upper ones, to look up in; the lower bytes are zeros.
 */
export function nf4UnpackBf16(codes: usize, absmax: usize, out: usize, n: u32, block: u32, edge: usize): void {
  for (let left = n; left > 0; absmax += 4) {
    const scale = scaleAt(absmax);
    const low = upperHalves(
      f32x4.mul(scale, f32x4(-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453)),
      f32x4.mul(scale, f32x4(-0.28444138169288635, -0.18477343022833334, -0.09105003625154495, 0.0)),
    );
    const high = upperHalves(
      f32x4.mul(scale, f32x4(0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224)),
      f32x4.mul(scale, f32x4(0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0)),
    );
    const mask = i16x8.splat(255);
    const plane2 = i8x16.narrow_i16x8_u(v128.and(low, mask), v128.and(high, mask));
    const plane3 = i8x16.narrow_i16x8_u(i16x8.shr_u(low, 8), i16x8.shr_u(high, 8));
    let inBlock = min(left, block);
    left -= inBlock;
    for (; inBlock >= 32; inBlock -= 32, codes += 16, out += 128) look32(codes, plane2, plane3, out);
    if (inBlock > 0) {
      look32(codes, plane2, plane3, edge);
      for (let i: usize = 0; i < <usize>inBlock * 4; i += 4) store<f32>(out + i, load<f32>(edge + i));
    }
  }
}

/** The absmax in all lanes; where it is not a number, one whose upper half stays so when the lower half is rounded into it. */
// @ts-ignore: decorator
@inline
function scaleAt(absmax: usize): v128 {
  const scale = load<f32>(absmax);
  return f32x4.splat(scale == scale ? scale : NaN);
}

/** The upper 16 bits of eight floats, none of them an odd NaN, rounded to bfloat16. */
// @ts-ignore: decorator
@inline
function upperHalves(a: v128, b: v128): v128 {
  return i16x8.narrow_i32x4_u(upperHalf(a), upperHalf(b));
}

// @ts-ignore: decorator
@inline
function upperHalf(x: v128): v128 {
  const upper = i32x4.shr_u(x, 16);
  const odd = v128.and(upper, i32x4.splat(1));
  return i32x4.shr_u(i32x4.add(x, i32x4.add(odd, i32x4.splat(0x7fff))), 16);
}

// @ts-ignore: decorator
@inline
function look32(codes: usize, plane2: v128, plane3: v128, out: usize): void {
  const bytes = v128.load(codes);
  const high = i8x16.shr_u(bytes, 4);
  const low = v128.and(bytes, i8x16.splat(15));
  look16(v128.shuffle<i8>(high, low, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23), plane2, plane3, out);
  look16(v128.shuffle<i8>(high, low, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31), plane2, plane3, out + 64);
}

// @ts-ignore: decorator
@inline
function look16(x: v128, plane2: v128, plane3: v128, out: usize): void {
  const a2 = lookUp(plane2, x), a3 = lookUp(plane3, x);
  const low = v128.shuffle<i8>(a2, a3, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const high = v128.shuffle<i8>(a2, a3, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  const zero = i32x4.splat(0);
  v128.store(out, v128.shuffle<i16>(zero, low, 0, 8, 1, 9, 2, 10, 3, 11));
  v128.store(out, v128.shuffle<i16>(zero, low, 4, 12, 5, 13, 6, 14, 7, 15), 16);
  v128.store(out, v128.shuffle<i16>(zero, high, 0, 8, 1, 9, 2, 10, 3, 11), 32);
  v128.store(out, v128.shuffle<i16>(zero, high, 4, 12, 5, 13, 6, 14, 7, 15), 48);
}

/** 16 bytes of the table; every index is below 16, so the builds agree. */
// @ts-ignore: decorator
@inline
function lookUp(table: v128, index: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) {
    return i8x16.relaxed_swizzle(table, index);
  } else {
    return i8x16.swizzle(table, index);
  }
}
