/** Kernels that treat every element alike. `n` counts floats; `x` and `out` may be the same. */
import { boundedExp4, exp4, tanh4 } from './functions';
import { loadPart, madd, storePart } from './simd';

export function exp(x: usize, out: usize, n: u32): void {
  for (; n >= 4; n -= 4, x += 16, out += 16) v128.store(out, exp4(v128.load(x)));
  if (n > 0) storePart(out, exp4(loadPart(x, n)), n);
}

export function tanh(x: usize, out: usize, n: u32): void {
  for (; n >= 4; n -= 4, x += 16, out += 16) v128.store(out, tanh4(v128.load(x)));
  if (n > 0) storePart(out, tanh4(loadPart(x, n)), n);
}

/** out += x. */
export function accumulate(x: usize, out: usize, n: u32): void {
  for (; n >= 4; n -= 4, x += 16, out += 16) v128.store(out, f32x4.add(v128.load(out), v128.load(x)));
  for (; n > 0; n--, x += 4, out += 4) store<f32>(out, load<f32>(out) + load<f32>(x));
}

/** The 32-bit hash "lowbias32" of C. Wellons (nullprogram.com/blog/2018/07/31), of four numbers. */
// @ts-ignore: decorator
@inline
function scrambled4(x: v128): v128 {
  x = i32x4.mul(v128.xor(x, i32x4.shr_u(x, 16)), i32x4.splat(0x7feb352d));
  x = i32x4.mul(v128.xor(x, i32x4.shr_u(x, 15)), i32x4.splat(<i32>0x846ca68b));
  return v128.xor(x, i32x4.shr_u(x, 16));
}

/** out = 0 where the hash of the place, seeded by `low` and `high`, is below `limit`, else factor * x. */
export function dropout(x: usize, out: usize, n: u32, limit: u32, low: u32, high: u32, factor: f32): void {
  let place = i32x4.add(i32x4(0, 1, 2, 3), i32x4.splat(low));
  const first = i32x4.splat(high), bound = i32x4.splat(limit), kept = f32x4.splat(factor);
  for (; n >= 4; n -= 4, x += 16, out += 16) {
    const dropped = i32x4.lt_u(scrambled4(i32x4.add(scrambled4(place), first)), bound);
    v128.store(out, f32x4.mul(v128.load(x), v128.andnot(kept, dropped)));
    place = i32x4.add(place, i32x4.splat(4));
  }
  if (n > 0) {
    const dropped = i32x4.lt_u(scrambled4(i32x4.add(scrambled4(place), first)), bound);
    storePart(out, f32x4.mul(loadPart(x, n), v128.andnot(kept, dropped)), n);
  }
}

/**
 * e^(-2u) with u = sqrt(2/pi) (g + 0.044715 g^3), so that gelu_tanh(g) = g / (1 + it). |g| above 12 changes nothing in f32 and would
 * overflow the derivative, so g is held within it.
 */
// @ts-ignore: decorator
@inline
function geluExponential(g: v128): v128 {
  const u = f32x4.mul(g, madd(f32x4.mul(g, g), f32x4.splat(-2 * 0.7978845608028654 * 0.044715), f32x4.splat(-2 * 0.7978845608028654)));
  return boundedExp4(u);
}

// @ts-ignore: decorator
@inline
function hold(g: v128): v128 {
  return f32x4.pmax(f32x4.pmin(g, f32x4.splat(12)), f32x4.splat(-12));
}

// @ts-ignore: decorator
@inline
function geglu4(gate: v128, up: v128): v128 {
  const one = f32x4.splat(1);
  return f32x4.mul(f32x4.div(gate, f32x4.add(one, geluExponential(hold(gate)))), up);
}

/** gelu_tanh(gate) * up. */
export function geglu(gate: usize, up: usize, out: usize, n: u32): void {
  for (; n >= 4; n -= 4, gate += 16, up += 16, out += 16) v128.store(out, geglu4(v128.load(gate), v128.load(up)));
  if (n > 0) storePart(out, geglu4(loadPart(gate, n), loadPart(up, n)), n);
}

/** d gelu_tanh / dg = s + g s (1 - s) 2u', s = 1 / (1 + e^(-2u)), u' = sqrt(2/pi) (1 + 3 * 0.044715 g^2). */
// @ts-ignore: decorator
@inline
function geluSlope(g: v128, s: v128): v128 {
  const slope = madd(f32x4.mul(g, g), f32x4.splat(2 * 0.7978845608028654 * 3 * 0.044715), f32x4.splat(2 * 0.7978845608028654));
  const t = f32x4.mul(s, f32x4.sub(f32x4.splat(1), s));
  return madd(f32x4.mul(g, t), slope, s);
}

export function gegluGrad(gate: usize, up: usize, dy: usize, dgate: usize, dup: usize, n: u32): void {
  const one = f32x4.splat(1);
  for (; n >= 4; n -= 4, gate += 16, up += 16, dy += 16, dgate += 16, dup += 16) {
    const raw = v128.load(gate), g = hold(raw), d = v128.load(dy);
    const s = f32x4.div(one, f32x4.add(one, geluExponential(g)));
    v128.store(dgate, f32x4.mul(f32x4.mul(d, v128.load(up)), geluSlope(g, s)));
    v128.store(dup, f32x4.mul(d, f32x4.mul(raw, s)));
  }
  if (n > 0) {
    const raw = loadPart(gate, n), g = hold(raw), d = loadPart(dy, n);
    const s = f32x4.div(one, f32x4.add(one, geluExponential(g)));
    storePart(dgate, f32x4.mul(f32x4.mul(d, loadPart(up, n)), geluSlope(g, s)), n);
    storePart(dup, f32x4.mul(d, f32x4.mul(raw, s)), n);
  }
}
