/** Transcendental functions on four f32 lanes. Constants are Cephes (netlib.org/cephes, single precision: expf, tanhf). */
import { madd } from './simd';

/** 1.5 * 2^23: adding it rounds to a whole number, which then stands in the low bits. Cheaper than rounding and converting. */
const ROUND: f32 = 12582912;
const ROUND_BITS: i32 = 0x4b400000;

/** e^r for |r| <= ln 2 / 2, where x = n ln 2 + r; ln 2 comes in two parts, of which the first times n is exact. */
// @ts-ignore: decorator
@inline
function expOfRest(x: v128, n: v128): v128 {
  let r = f32x4.sub(x, f32x4.mul(n, f32x4.splat(0.693359375)));
  r = madd(n, f32x4.splat(2.12194440e-4), r);
  let p = madd(f32x4.splat(1.9875691500e-4), r, f32x4.splat(1.3981999507e-3));
  p = madd(p, r, f32x4.splat(8.3334519073e-3));
  p = madd(p, r, f32x4.splat(4.1665795894e-2));
  p = madd(p, r, f32x4.splat(1.6666665459e-1));
  p = madd(p, r, f32x4.splat(5.0000001201e-1));
  return f32x4.add(madd(p, f32x4.mul(r, r), r), f32x4.splat(1));
}

/**
 * e^x, about 1 ulp. Below -103.97 it is 0, above 88.72 infinity, between them denormal results are right; NaN stays NaN (pmin and pmax
 * answer their first operand when it is NaN). 2^n comes in two factors, as n reaches 128 and -151.
 */
// @ts-ignore: decorator
@inline
export function exp4(x: v128): v128 {
  const t = f32x4.pmax(f32x4.pmin(x, f32x4.splat(89)), f32x4.splat(-105));
  const rounded = f32x4.add(f32x4.mul(t, f32x4.splat(1.4426950408889634)), f32x4.splat(ROUND));
  const y = expOfRest(t, f32x4.sub(rounded, f32x4.splat(ROUND)));
  const e = i32x4.sub(rounded, i32x4.splat(ROUND_BITS));
  const half = i32x4.shr_s(e, 1);
  const bias = i32x4.splat(127);
  const first = i32x4.shl(i32x4.add(half, bias), 23);
  const second = i32x4.shl(i32x4.add(i32x4.sub(e, half), bias), 23);
  return f32x4.mul(f32x4.mul(y, first), second);
}

/**
 * {@link exp4} within [-87, 88] and its values at the ends (1.6e-38 and 1.7e38) beyond: for sums and quotients where no more is asked of
 * a value that is next to nothing or next to infinity. NaN stays NaN.
 */
// @ts-ignore: decorator
@inline
export function boundedExp4(x: v128): v128 {
  const t = f32x4.pmax(f32x4.pmin(x, f32x4.splat(88)), f32x4.splat(-87));
  const rounded = f32x4.add(f32x4.mul(t, f32x4.splat(1.4426950408889634)), f32x4.splat(ROUND));
  const y = expOfRest(t, f32x4.sub(rounded, f32x4.splat(ROUND)));
  return f32x4.mul(y, i32x4.shl(i32x4.add(rounded, i32x4.splat(127 - ROUND_BITS)), 23));
}

/** tanh(x) for |x| < 0.625: an odd polynomial. */
// @ts-ignore: decorator
@inline
function smallTanh4(x: v128): v128 {
  const z = f32x4.mul(x, x);
  let p = madd(f32x4.splat(-5.70498872745e-3), z, f32x4.splat(2.06390887954e-2));
  p = madd(p, z, f32x4.splat(-5.37397155531e-2));
  p = madd(p, z, f32x4.splat(1.33314422036e-1));
  p = madd(p, z, f32x4.splat(-3.33332819422e-1));
  return madd(f32x4.mul(p, z), x, x);
}

/** tanh(x), about 2 ulp: an odd polynomial below 0.625, 1 - 2 / (e^2|x| + 1) above it. ±1 at ±infinity, NaN stays NaN. */
// @ts-ignore: decorator
@inline
export function tanh4(x: v128): v128 {
  const sign = v128.and(x, i32x4.splat(0x80000000));
  const a = v128.andnot(x, i32x4.splat(0x80000000));
  const e = boundedExp4(f32x4.pmin(f32x4.add(a, a), f32x4.splat(20)));
  const large = f32x4.sub(f32x4.splat(1), f32x4.div(f32x4.splat(2), f32x4.add(e, f32x4.splat(1))));
  // The sign goes onto both: the polynomial makes +0 of -0.
  return v128.or(v128.bitselect(smallTanh4(x), large, f32x4.lt(a, f32x4.splat(0.625))), sign);
}

/** {@link tanh4}, for numbers that are mostly small (logits over their softcap): the exponential is left out where no lane needs it. */
// @ts-ignore: decorator
@inline
export function mostlySmallTanh4(x: v128): v128 {
  const a = v128.andnot(x, i32x4.splat(0x80000000));
  return v128.any_true(f32x4.ge(a, f32x4.splat(0.625))) ? wholeTanh4(x) : smallTanh4(x);
}

/** Not inlined: it is called seldom, and inlined it would fill the loops around it. */
function wholeTanh4(x: v128): v128 {
  return tanh4(x);
}

/** Natural logarithm of a positive normal number: 2 artanh((m - 1) / (m + 1)) + e ln 2 with m in [1/sqrt 2, sqrt 2]. No tables. */
export function ln(x: f64): f64 {
  const bits = reinterpret<u64>(x);
  let e = <i32>(bits >> 52) - 1023;
  let m = reinterpret<f64>((bits & 0x000fffffffffffff) | 0x3ff0000000000000);
  if (m > 1.4142135623730951) {
    m *= 0.5;
    e += 1;
  }
  const f = (m - 1) / (m + 1);
  const z = f * f;
  const series = 1 + z * (1 / 3.0 + z * (1 / 5.0 + z * (1 / 7.0 + z * (1 / 9.0 + z * (1 / 11.0 + z * (1 / 13.0 + z * (1 / 15.0 + z / 17.0)))))));
  return 2 * f * series + <f64>e * 0.6931471805599453;
}
