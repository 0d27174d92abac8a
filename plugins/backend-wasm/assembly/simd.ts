/** Small vector helpers that every kernel uses. No statics, no heap: this module owns no memory of the heap it computes on. */

/** `a * b + c` on four f32 lanes: one rounding in the relaxed build on machines with FMA, two in the plain build. */
// @ts-ignore: decorator
@inline
export function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) {
    return v128.relaxed_madd<f32>(a, b, c);
  } else {
    return f32x4.add(f32x4.mul(a, b), c);
  }
}

/** The first `count` (1 to 3) floats at `p`, the other lanes 0. Never reads past them. */
// @ts-ignore: decorator
@inline
export function loadPart(p: usize, count: u32): v128 {
  if (count == 1) return v128.load32_zero(p);
  const two = v128.load64_zero(p);
  if (count == 2) return two;
  return f32x4.replace_lane(two, 2, load<f32>(p, 8));
}

/** Stores the first `count` (1 to 3) lanes at `p`. */
// @ts-ignore: decorator
@inline
export function storePart(p: usize, v: v128, count: u32): void {
  store<f32>(p, f32x4.extract_lane(v, 0));
  if (count > 1) store<f32>(p, f32x4.extract_lane(v, 1), 4);
  if (count > 2) store<f32>(p, f32x4.extract_lane(v, 2), 8);
}

/** Sum of the four lanes. */
// @ts-ignore: decorator
@inline
export function sum4(v: v128): f32 {
  const pair = f32x4.add(v, i8x16.shuffle(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  return f32x4.extract_lane(pair, 0) + f32x4.extract_lane(pair, 1);
}

/** Largest of the four lanes; NaN if a lane is NaN. */
// @ts-ignore: decorator
@inline
export function max4(v: v128): f32 {
  const pair = f32x4.max(v, i8x16.shuffle(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  return max<f32>(f32x4.extract_lane(pair, 0), f32x4.extract_lane(pair, 1));
}

/** All-ones in the first `count` lanes, zero in the others. */
// @ts-ignore: decorator
@inline
export function laneMask(count: u32): v128 {
  return i32x4.lt_u(i32x4(0, 1, 2, 3), i32x4.splat(count));
}
