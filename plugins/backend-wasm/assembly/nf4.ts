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
  const a0 = v128.swizzle(plane0, x), a1 = v128.swizzle(plane1, x), a2 = v128.swizzle(plane2, x), a3 = v128.swizzle(plane3, x);
  const l01 = v128.shuffle<i8>(a0, a1, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const h01 = v128.shuffle<i8>(a0, a1, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  const l23 = v128.shuffle<i8>(a2, a3, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const h23 = v128.shuffle<i8>(a2, a3, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  v128.store(out, f32x4.mul(scale, v128.shuffle<i16>(l01, l23, 0, 8, 1, 9, 2, 10, 3, 11)));
  v128.store(out, f32x4.mul(scale, v128.shuffle<i16>(l01, l23, 4, 12, 5, 13, 6, 14, 7, 15)), 16);
  v128.store(out, f32x4.mul(scale, v128.shuffle<i16>(h01, h23, 0, 8, 1, 9, 2, 10, 3, 11)), 32);
  v128.store(out, f32x4.mul(scale, v128.shuffle<i16>(h01, h23, 4, 12, 5, 13, 6, 14, 7, 15)), 48);
}
