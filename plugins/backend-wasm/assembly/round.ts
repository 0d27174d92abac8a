/** Rounding of f32 to a shorter format and back, to nearest, ties to even. NaN stays NaN. */
import { loadPart, storePart } from './simd';

/** bfloat16: the upper 16 bits; overflow goes to infinity by the carry. */
// @ts-ignore: decorator
@inline
function bf16(x: v128): v128 {
  const odd = v128.and(i32x4.shr_u(x, 16), i32x4.splat(1));
  const rounded = v128.and(i32x4.add(x, i32x4.add(odd, i32x4.splat(0x7fff))), i32x4.splat(0xffff0000));
  return v128.bitselect(rounded, x, f32x4.eq(x, x));
}

/**
 * Half precision: 10 bits of fraction down to 2^-14, below it multiples of 2^-24 (adding 0.5, whose last bit is 2^-24, rounds to them), from
 * 65520 infinity.
 */
// @ts-ignore: decorator
@inline
function f16(x: v128): v128 {
  const sign = v128.and(x, i32x4.splat(0x80000000));
  const a = v128.andnot(x, i32x4.splat(0x80000000));
  const odd = v128.and(i32x4.shr_u(a, 13), i32x4.splat(1));
  const normal = v128.and(i32x4.add(a, i32x4.add(odd, i32x4.splat(0xfff))), i32x4.splat(0xffffe000));
  const half = f32x4.splat(0.5);
  const denormal = f32x4.sub(f32x4.add(a, half), half);
  const finite = v128.bitselect(denormal, normal, f32x4.lt(a, f32x4.splat(6.103515625e-5)));
  const bounded = v128.bitselect(f32x4.splat(Infinity), finite, f32x4.ge(a, f32x4.splat(65520)));
  return v128.bitselect(v128.or(bounded, sign), x, f32x4.eq(x, x));
}

export function roundBf16(x: usize, out: usize, n: u32): void {
  for (; n >= 4; n -= 4, x += 16, out += 16) v128.store(out, bf16(v128.load(x)));
  if (n > 0) storePart(out, bf16(loadPart(x, n)), n);
}

export function roundF16(x: usize, out: usize, n: u32): void {
  for (; n >= 4; n -= 4, x += 16, out += 16) v128.store(out, f16(v128.load(x)));
  if (n > 0) storePart(out, f16(loadPart(x, n)), n);
}
