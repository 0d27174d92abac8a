/**
 * The updates of AdamW, operation by operation those of `src/plain-updates.ts`: f64 between values that are stored as f32, changes added one
 * after the other. Nothing is fused, so the bits are the same.
 *
 * A code book is 256 values (f32) and, by the upper 16 bits of an f32, 65536 entries of 32 bits: one that carries into its upper half, the code,
 * when the lower 16 bits are added that lie above the midpoint of two codes. Those of a negative number are inverted, so that they grow with it.
 */

const ENTRIES: usize = 1024;

/** Updates `n` parameters `p` and their moments `m` and `v` by the gradients `g`. Returns `sum` and what the squared changes add to it. */
export function adamw(
  p: usize, g: usize, m: usize, v: usize, n: u32, beta1: f64, beta2: f64, epsilon: f64, keep: f64, stepSize: f64, correction2: f64, sum: f64,
): f64 {
  const rest1 = 1 - beta1, rest2 = 1 - beta2, inverse2 = 1 / correction2;
  const b1 = f64x2.splat(beta1), b2 = f64x2.splat(beta2), r1 = f64x2.splat(rest1), r2 = f64x2.splat(rest2);
  const e = f64x2.splat(epsilon), k = f64x2.splat(keep), s = f64x2.splat(stepSize), c = f64x2.splat(inverse2);
  for (; n >= 4; n -= 4, p += 16, g += 16, m += 16, v += 16) {
    const ps = v128.load(p), gs = v128.load(g), ms = v128.load(m), vs = v128.load(v);
    const g0 = f64x2.promote_low_f32x4(gs), g1 = f64x2.promote_low_f32x4(upper(gs));
    const m0 = moment(b1, ms, r1, g0), m1 = moment(b1, upper(ms), r1, g1);
    const v0 = moment(b2, vs, f64x2.mul(r2, g0), g0), v1 = moment(b2, upper(vs), f64x2.mul(r2, g1), g1);
    const p0 = f64x2.promote_low_f32x4(ps), p1 = f64x2.promote_low_f32x4(upper(ps));
    const after0 = moved(p0, k, s, m0, v0, c, e), after1 = moved(p1, k, s, m1, v1, c, e);
    v128.store(m, joined(m0, m1));
    v128.store(v, joined(v0, v1));
    v128.store(p, joined(after0, after1));
    const d0 = f64x2.sub(f64x2.promote_low_f32x4(after0), p0), d1 = f64x2.sub(f64x2.promote_low_f32x4(after1), p1);
    const q0 = f64x2.mul(d0, d0), q1 = f64x2.mul(d1, d1);
    sum += f64x2.extract_lane(q0, 0);
    sum += f64x2.extract_lane(q0, 1);
    sum += f64x2.extract_lane(q1, 0);
    sum += f64x2.extract_lane(q1, 1);
  }
  for (; n > 0; n -= 1, p += 4, g += 4, m += 4, v += 4) {
    const gradient = <f64>load<f32>(g), before = <f64>load<f32>(p);
    const first = <f32>(beta1 * <f64>load<f32>(m) + rest1 * gradient);
    const second = <f32>(beta2 * <f64>load<f32>(v) + rest2 * gradient * gradient);
    const after = <f32>(<f64>(<f32>(before * keep)) - (stepSize * <f64>first) / (sqrt<f64>(second) * inverse2 + epsilon));
    store<f32>(m, first);
    store<f32>(v, second);
    store<f32>(p, after);
    sum += (<f64>after - before) * (<f64>after - before);
  }
  return sum;
}

/**
 * The same on moments in 8 bits: `codes1` by the signed book and `codes2` by the unsigned one, an absmax of each for every `block` elements.
 * `m` and `v` have room for the moments of a block.
 */
export function adamw8bit(
  p: usize, g: usize, codes1: usize, codes2: usize, absmax1: usize, absmax2: usize, n: u32, block: u32, floor: bool, signed: usize,
  unsigned: usize, m: usize, v: usize, beta1: f64, beta2: f64, epsilon: f64, keep: f64, stepSize: f64, correction2: f64, sum: f64,
): f64 {
  while (n > 0) {
    const count = min(n, block);
    unpack(codes1, signed, load<f32>(absmax1), m, count);
    unpack(codes2, unsigned, load<f32>(absmax2), v, count);
    sum += adamw(p, g, m, v, count, beta1, beta2, epsilon, keep, stepSize, correction2, 0);
    store<f32>(absmax1, pack(m, signed, codes1, count, true, false));
    store<f32>(absmax2, pack(v, unsigned, codes2, count, false, floor));
    n -= count;
    p += <usize>count << 2;
    g += <usize>count << 2;
    codes1 += count;
    codes2 += count;
    absmax1 += 4;
    absmax2 += 4;
  }
  return sum;
}

function unpack(codes: usize, book: usize, absmax: f32, out: usize, n: u32): void {
  const scale = f32x4.splat(absmax);
  for (; n >= 4; n -= 4, codes += 4, out += 16) {
    let values = v128.load32_zero(book + (<usize>load<u8>(codes) << 2));
    values = v128.load_lane<f32>(book + (<usize>load<u8>(codes, 1) << 2), values, 1);
    values = v128.load_lane<f32>(book + (<usize>load<u8>(codes, 2) << 2), values, 2);
    values = v128.load_lane<f32>(book + (<usize>load<u8>(codes, 3) << 2), values, 3);
    v128.store(out, f32x4.mul(values, scale));
  }
  for (; n > 0; n -= 1, codes += 1, out += 4) store<f32>(out, load<f32>(book + (<usize>load<u8>(codes) << 2)) * absmax);
}

/** The codes nearest to `values` over the largest magnitude among them, which is returned. */
// @ts-ignore: decorator
@inline
function pack(values: usize, book: usize, codes: usize, n: u32, signed: bool, floor: bool): f32 {
  let most = f32x4.splat(0), largest: f32 = 0;
  let at = values, left = n;
  for (; left >= 4; left -= 4, at += 16) most = f32x4.pmax(most, f32x4.abs(v128.load(at)));
  for (; left > 0; left -= 1, at += 4) {
    const magnitude = abs(load<f32>(at));
    if (magnitude > largest) largest = magnitude;
  }
  largest = max(
    max(largest, max(f32x4.extract_lane(most, 0), f32x4.extract_lane(most, 1))),
    max(f32x4.extract_lane(most, 2), f32x4.extract_lane(most, 3)),
  );
  const divisor: f32 = largest == 0 ? 1 : largest;
  const divisors = f32x4.splat(divisor), zero = f32x4.splat(0);
  const entries = book + ENTRIES;
  for (; n >= 4; n -= 4, values += 16, codes += 4) {
    const moments = v128.load(values);
    const scaled = f32x4.div(moments, divisors);
    const places = v128.and(i32x4.shr_u(scaled, 14), i32x4.splat(0x3fffc));
    let found = v128.load32_zero(entries + <u32>i32x4.extract_lane(places, 0));
    found = v128.load_lane<i32>(entries + <u32>i32x4.extract_lane(places, 1), found, 1);
    found = v128.load_lane<i32>(entries + <u32>i32x4.extract_lane(places, 2), found, 2);
    found = v128.load_lane<i32>(entries + <u32>i32x4.extract_lane(places, 3), found, 3);
    const lower = v128.and(v128.xor(scaled, i32x4.shr_s(scaled, 31)), i32x4.splat(0xffff));
    found = i32x4.shr_u(i32x4.add(found, lower), 16);
    // A comparison gives -1 where it holds.
    // 127 is the only zero: a negative moment takes the smallest negative entry, so that it stays negative.
    if (signed) found = i32x4.add(found, v128.and(i32x4.eq(found, i32x4.splat(127)), f32x4.lt(moments, zero)));
    if (floor) found = i32x4.sub(found, v128.and(i32x4.eq(found, zero), f32x4.gt(moments, zero)));
    found = i16x8.narrow_i32x4_u(found, found);
    store<u32>(codes, i32x4.extract_lane(i8x16.narrow_i16x8_u(found, found), 0));
  }
  for (; n > 0; n -= 1, values += 4, codes += 1) {
    const moment = load<f32>(values), scaled = reinterpret<i32>(moment / divisor);
    let code: u32 = (load<u32>(entries + ((<u32>scaled >>> 16) << 2)) + ((scaled ^ (scaled >> 31)) & 0xffff)) >>> 16;
    if (signed && code == 127 && moment < 0) code = 126;
    if (floor && code == 0 && moment > 0) code = 1;
    store<u8>(codes, code);
  }
  return largest;
}

/** `a * promoted(old) + b * c`, as f32 in the lower two lanes. */
// @ts-ignore: decorator
@inline
function moment(a: v128, old: v128, b: v128, c: v128): v128 {
  return f32x4.demote_f64x2_zero(f64x2.add(f64x2.mul(a, f64x2.promote_low_f32x4(old)), f64x2.mul(b, c)));
}

/** Two parameters, decayed and then moved, as f32 in the lower two lanes. */
// @ts-ignore: decorator
@inline
function moved(before: v128, keep: v128, stepSize: v128, first: v128, second: v128, inverse2: v128, epsilon: v128): v128 {
  const shrunk = f64x2.promote_low_f32x4(f32x4.demote_f64x2_zero(f64x2.mul(before, keep)));
  const root = f64x2.add(f64x2.mul(f64x2.sqrt(f64x2.promote_low_f32x4(second)), inverse2), epsilon);
  return f32x4.demote_f64x2_zero(f64x2.sub(shrunk, f64x2.div(f64x2.mul(stepSize, f64x2.promote_low_f32x4(first)), root)));
}

/** The upper two lanes as the lower ones. */
// @ts-ignore: decorator
@inline
function upper(x: v128): v128 {
  return v128.shuffle<i64>(x, x, 1, 0);
}

/** The lower two lanes of each. */
// @ts-ignore: decorator
@inline
function joined(low: v128, high: v128): v128 {
  return v128.shuffle<i64>(low, high, 0, 2);
}
