/** Kernels that work row by row over the last axis. `rows` and `width` count rows and floats of a row. */
import { boundedExp4, ln, mostlySmallTanh4 } from './functions';
import { laneMask, loadPart, madd, max4, storePart, sum4 } from './simd';

/** y = x (mean(x^2) + epsilon)^(-1/2) weight; `weight` 0 for none. */
export function rmsNorm(x: usize, weight: usize, out: usize, rows: u32, width: u32, epsilon: f32): void {
  const end: usize = (width & ~3) << 2;
  const rest = width & 3;
  for (let row: u32 = 0; row < rows; row++) {
    const r = f32x4.splat(inverseRoot(x, end, rest, width, epsilon));
    let i: usize = 0;
    if (weight != 0) {
      for (; i < end; i += 16) v128.store(out + i, f32x4.mul(f32x4.mul(v128.load(x + i), r), v128.load(weight + i)));
      if (rest) storePart(out + i, f32x4.mul(f32x4.mul(loadPart(x + i, rest), r), loadPart(weight + i, rest)), rest);
    } else {
      for (; i < end; i += 16) v128.store(out + i, f32x4.mul(v128.load(x + i), r));
      if (rest) storePart(out + i, f32x4.mul(loadPart(x + i, rest), r), rest);
    }
    x += <usize>width * 4;
    out += <usize>width * 4;
  }
}

/** y = residual + x (mean(x^2) + epsilon)^(-1/2) weight; `weight` 0 for none. No fused sum: the bits are those of norm and sum apart. */
export function rmsNormAdd(residual: usize, x: usize, weight: usize, out: usize, rows: u32, width: u32, epsilon: f32): void {
  const end: usize = (width & ~3) << 2;
  const rest = width & 3;
  const one = f32x4.splat(1);
  for (let row: u32 = 0; row < rows; row++) {
    const r = f32x4.splat(inverseRoot(x, end, rest, width, epsilon));
    let i: usize = 0;
    for (; i < end; i += 16) {
      const w = weight != 0 ? v128.load(weight + i) : one;
      v128.store(out + i, f32x4.add(v128.load(residual + i), f32x4.mul(f32x4.mul(v128.load(x + i), r), w)));
    }
    if (rest) {
      const w = weight != 0 ? loadPart(weight + i, rest) : one;
      storePart(out + i, f32x4.add(loadPart(residual + i, rest), f32x4.mul(f32x4.mul(loadPart(x + i, rest), r), w)), rest);
    }
    residual += <usize>width * 4;
    x += <usize>width * 4;
    out += <usize>width * 4;
  }
}

// @ts-ignore: decorator
@inline
function inverseRoot(x: usize, end: usize, rest: u32, width: u32, epsilon: f32): f32 {
  let squares = f32x4.splat(0);
  let i: usize = 0;
  for (; i < end; i += 16) {
    const v = v128.load(x + i);
    squares = madd(v, v, squares);
  }
  if (rest) {
    const v = loadPart(x + i, rest);
    squares = madd(v, v, squares);
  }
  return 1 / sqrt<f32>(sum4(squares) / <f32>width + epsilon);
}

/** dx = r g - x r^3 mean(g x), g = dy weight, r = (mean(x^2) + epsilon)^(-1/2). */
export function rmsNormGrad(x: usize, weight: usize, dy: usize, out: usize, rows: u32, width: u32, epsilon: f32): void {
  const end: usize = (width & ~3) << 2;
  const rest = width & 3;
  const one = f32x4.splat(1);
  for (let row: u32 = 0; row < rows; row++) {
    const r = inverseRoot(x, end, rest, width, epsilon);
    let along = f32x4.splat(0);
    let i: usize = 0;
    for (; i < end; i += 16) {
      const w = weight != 0 ? v128.load(weight + i) : one;
      along = madd(f32x4.mul(v128.load(dy + i), w), v128.load(x + i), along);
    }
    if (rest) {
      const w = weight != 0 ? loadPart(weight + i, rest) : one;
      along = madd(f32x4.mul(loadPart(dy + i, rest), w), loadPart(x + i, rest), along);
    }
    const scale = f32x4.splat(r);
    const back = f32x4.splat((-r * r * r * sum4(along)) / <f32>width);
    i = 0;
    for (; i < end; i += 16) {
      const w = weight != 0 ? v128.load(weight + i) : one;
      v128.store(out + i, madd(v128.load(x + i), back, f32x4.mul(f32x4.mul(v128.load(dy + i), w), scale)));
    }
    if (rest) {
      const w = weight != 0 ? loadPart(weight + i, rest) : one;
      storePart(out + i, madd(loadPart(x + i, rest), back, f32x4.mul(f32x4.mul(loadPart(dy + i, rest), w), scale)), rest);
    }
    x += <usize>width * 4;
    dy += <usize>width * 4;
    out += <usize>width * 4;
  }
}

/** x [batch, positions, heads, 2 half] turned by the angles of cos, sin [batch or 1, positions, half]; element i goes with i + half. */
export function rope(x: usize, cos: usize, sin: usize, out: usize, batch: u32, tables: u32, positions: u32, heads: u32, half: u32, inverse: bool): void {
  const end: usize = (half & ~3) << 2;
  const rest = half & 3;
  const halfBytes: usize = <usize>half * 4;
  const flip = i32x4.splat(inverse ? 0x80000000 : 0);
  for (let b: u32 = 0; b < batch; b++) {
    let c: usize = cos;
    let s: usize = sin;
    if (tables > 1) {
      c += <usize>b * positions * halfBytes;
      s += <usize>b * positions * halfBytes;
    }
    for (let t: u32 = 0; t < positions; t++) {
      for (let h: u32 = 0; h < heads; h++) {
        const x1 = x + halfBytes;
        const out1 = out + halfBytes;
        let i: usize = 0;
        for (; i < end; i += 16) {
          const p = v128.load(x + i), q = v128.load(x1 + i), cs = v128.load(c + i), sn = v128.xor(v128.load(s + i), flip);
          v128.store(out + i, f32x4.sub(f32x4.mul(p, cs), f32x4.mul(q, sn)));
          v128.store(out1 + i, madd(q, cs, f32x4.mul(p, sn)));
        }
        if (rest) {
          const p = loadPart(x + i, rest), q = loadPart(x1 + i, rest), cs = loadPart(c + i, rest), sn = v128.xor(loadPart(s + i, rest), flip);
          storePart(out + i, f32x4.sub(f32x4.mul(p, cs), f32x4.mul(q, sn)), rest);
          storePart(out1 + i, madd(q, cs, f32x4.mul(p, sn)), rest);
        }
        x += halfBytes * 2;
        out += halfBytes * 2;
      }
      c += halfBytes;
      s += halfBytes;
    }
  }
}

/**
 * The rows of x [batch, positions, heads, 2 half] normed as by {@link rmsNorm} and turned as by {@link rope}, and the same back: from
 * the gradient dy of the result to that of x.
 */
export function normRope(
  x: usize, weight: usize, cos: usize, sin: usize, out: usize, batch: u32, tables: u32, positions: u32, heads: u32, half: u32, epsilon: f32,
): void {
  const width = half * 2;
  const end: usize = (half & ~3) << 2;
  const rest = half & 3;
  const halfBytes: usize = <usize>half * 4;
  for (let b: u32 = 0; b < batch; b++) {
    for (let t: u32 = 0; t < positions; t++) {
      const at: usize = <usize>((tables > 1 ? b * positions : 0) + t) * halfBytes;
      const c = cos + at, s = sin + at;
      for (let h: u32 = 0; h < heads; h++) {
        const r = f32x4.splat(inverseRoot(x, (width & ~3) << 2, width & 3, width, epsilon));
        for (let i: usize = 0; i < end; i += 16) {
          const p = f32x4.mul(f32x4.mul(v128.load(x + i), r), v128.load(weight + i));
          const q = f32x4.mul(f32x4.mul(v128.load(x + halfBytes + i), r), v128.load(weight + halfBytes + i));
          const cs = v128.load(c + i), sn = v128.load(s + i);
          v128.store(out + i, f32x4.sub(f32x4.mul(p, cs), f32x4.mul(q, sn)));
          v128.store(out + halfBytes + i, madd(q, cs, f32x4.mul(p, sn)));
        }
        if (rest) {
          const p = f32x4.mul(f32x4.mul(loadPart(x + end, rest), r), loadPart(weight + end, rest));
          const q = f32x4.mul(f32x4.mul(loadPart(x + halfBytes + end, rest), r), loadPart(weight + halfBytes + end, rest));
          const cs = loadPart(c + end, rest), sn = loadPart(s + end, rest);
          storePart(out + end, f32x4.sub(f32x4.mul(p, cs), f32x4.mul(q, sn)), rest);
          storePart(out + halfBytes + end, madd(q, cs, f32x4.mul(p, sn)), rest);
        }
        x += halfBytes * 2;
        out += halfBytes * 2;
      }
    }
  }
}

export function normRopeGrad(
  x: usize, weight: usize, cos: usize, sin: usize, dy: usize, out: usize,
  batch: u32, tables: u32, positions: u32, heads: u32, half: u32, epsilon: f32,
): void {
  const width = half * 2;
  const end: usize = (half & ~3) << 2;
  const rest = half & 3;
  const halfBytes: usize = <usize>half * 4;
  for (let b: u32 = 0; b < batch; b++) {
    for (let t: u32 = 0; t < positions; t++) {
      const at: usize = <usize>((tables > 1 ? b * positions : 0) + t) * halfBytes;
      const c = cos + at, s = sin + at;
      for (let h: u32 = 0; h < heads; h++) {
        const r = inverseRoot(x, (width & ~3) << 2, width & 3, width, epsilon);
        // The gradient turned back and times the weight stands in `out` until its part along x is known.
        let along = f32x4.splat(0);
        for (let i: usize = 0; i < end; i += 16) {
          const p = v128.load(dy + i), q = v128.load(dy + halfBytes + i), cs = v128.load(c + i), sn = v128.load(s + i);
          const g = f32x4.mul(madd(p, cs, f32x4.mul(q, sn)), v128.load(weight + i));
          const e = f32x4.mul(f32x4.sub(f32x4.mul(q, cs), f32x4.mul(p, sn)), v128.load(weight + halfBytes + i));
          along = madd(g, v128.load(x + i), along);
          along = madd(e, v128.load(x + halfBytes + i), along);
          v128.store(out + i, g);
          v128.store(out + halfBytes + i, e);
        }
        if (rest) {
          const p = loadPart(dy + end, rest), q = loadPart(dy + halfBytes + end, rest), cs = loadPart(c + end, rest), sn = loadPart(s + end, rest);
          const g = f32x4.mul(madd(p, cs, f32x4.mul(q, sn)), loadPart(weight + end, rest));
          const e = f32x4.mul(f32x4.sub(f32x4.mul(q, cs), f32x4.mul(p, sn)), loadPart(weight + halfBytes + end, rest));
          along = madd(g, loadPart(x + end, rest), along);
          along = madd(e, loadPart(x + halfBytes + end, rest), along);
          storePart(out + end, g, rest);
          storePart(out + halfBytes + end, e, rest);
        }
        const scale = f32x4.splat(r);
        const back = f32x4.splat((-r * r * r * sum4(along)) / <f32>width);
        let i: usize = 0;
        for (; i + 16 <= halfBytes * 2; i += 16) v128.store(out + i, madd(v128.load(x + i), back, f32x4.mul(v128.load(out + i), scale)));
        if (width & 3) storePart(out + i, madd(loadPart(x + i, width & 3), back, f32x4.mul(loadPart(out + i, width & 3), scale)), width & 3);
        x += halfBytes * 2;
        dy += halfBytes * 2;
        out += halfBytes * 2;
      }
    }
  }
}

/**
 * Softmax of scores [batch, heads, queries, keys] over the keys a query may see: key s for the query of row t iff s <= t + offset,
 * s > t + offset - window unless window is 0, and valid [batch, keys] is 1 there. A row that sees no key becomes zeros.
 */
export function maskedSoftmax(scores: usize, valid: usize, out: usize, batch: u32, heads: u32, queries: u32, keys: u32, window: i32, offset: i32): void {
  const bytes: usize = <usize>keys * 4;
  for (let b: u32 = 0; b < batch; b++) {
    for (let h: u32 = 0; h < heads; h++) {
      for (let t: u32 = 0; t < queries; t++) {
        const position = <i32>t + offset;
        const last = min<i32>(<i32>keys, max<i32>(position + 1, 0));
        const first = min<i32>(last, window > 0 ? max<i32>(0, position - window + 1) : 0);
        softmaxRow(scores, valid, out, <u32>first, <u32>last, keys);
        scores += bytes;
        out += bytes;
      }
    }
    valid += bytes;
  }
}

/** The softmax of one row over keys `first` to `last` that are valid, and zeros elsewhere. `out` may be `scores`. */
export function softmaxRow(scores: usize, valid: usize, out: usize, first: u32, last: u32, keys: u32): void {
  const lowest = f32x4.splat(-Infinity);
  const one = f32x4.splat(1);
  const from: usize = <usize>first * 4;
  const rest = (last - first) & 3;
  const end: usize = <usize>(last - rest) * 4;
  let seen = f32x4.splat(0);
  let highest = lowest;
  let i = from;
  // A NaN may pass the maximum by, but not the exponentials: it reaches the sum and so the whole row.
  for (; i < end; i += 16) {
    const mask = f32x4.eq(v128.load(valid + i), one);
    seen = v128.or(seen, mask);
    highest = f32x4.pmax(highest, v128.bitselect(v128.load(scores + i), lowest, mask));
  }
  if (rest) {
    const mask = f32x4.eq(loadPart(valid + i, rest), one);
    seen = v128.or(seen, mask);
    highest = f32x4.pmax(highest, v128.bitselect(loadPart(scores + i, rest), lowest, mask));
  }
  if (!v128.any_true(seen)) {
    memory.fill(out, 0, <usize>keys * 4);
    return;
  }
  memory.fill(out, 0, from);
  memory.fill(out + <usize>last * 4, 0, <usize>(keys - last) * 4);
  const shift = f32x4.splat(max4(highest));
  let sum = f32x4.splat(0);
  i = from;
  for (; i < end; i += 16) {
    const e = v128.and(boundedExp4(f32x4.sub(v128.load(scores + i), shift)), f32x4.eq(v128.load(valid + i), one));
    sum = f32x4.add(sum, e);
    v128.store(out + i, e);
  }
  if (rest) {
    const e = v128.and(boundedExp4(f32x4.sub(loadPart(scores + i, rest), shift)), f32x4.eq(loadPart(valid + i, rest), one));
    sum = f32x4.add(sum, e);
    storePart(out + i, e, rest);
  }
  const scale = f32x4.splat(1 / sum4(sum));
  i = from;
  for (; i < end; i += 16) v128.store(out + i, f32x4.mul(v128.load(out + i), scale));
  if (rest) storePart(out + i, f32x4.mul(loadPart(out + i, rest), scale), rest);
}

/** dx = y (dy - sum(y dy)). */
export function softmaxGrad(y: usize, dy: usize, out: usize, rows: u32, width: u32): void {
  const end: usize = (width & ~3) << 2;
  const rest = width & 3;
  for (let row: u32 = 0; row < rows; row++) {
    let along = f32x4.splat(0);
    let i: usize = 0;
    for (; i < end; i += 16) along = madd(v128.load(y + i), v128.load(dy + i), along);
    if (rest) along = madd(loadPart(y + i, rest), loadPart(dy + i, rest), along);
    const sum = f32x4.splat(sum4(along));
    i = 0;
    for (; i < end; i += 16) v128.store(out + i, f32x4.mul(v128.load(y + i), f32x4.sub(v128.load(dy + i), sum)));
    if (rest) storePart(out + i, f32x4.mul(loadPart(y + i, rest), f32x4.sub(loadPart(dy + i, rest), sum)), rest);
    y += <usize>width * 4;
    dy += <usize>width * 4;
    out += <usize>width * 4;
  }
}

/** softcap tanh(x / softcap); `capped` false leaves x as it is. */
// @ts-ignore: decorator
@inline
function cap(x: v128, capped: bool, softcap: v128, inverse: v128): v128 {
  return capped ? f32x4.mul(mostlySmallTanh4(f32x4.mul(x, inverse)), softcap) : x;
}

/** out[row] = log sum exp of the softcapped logits. The cap grows with its argument, so the highest logit gives the highest capped one. */
// @ts-ignore: decorator
@inline
function logSumExpRows(logits: usize, out: usize, rows: u32, width: u32, softcap: f32, capped: bool): void {
  const end: usize = (width & ~3) << 2;
  const rest = width & 3;
  const lowest = f32x4.splat(-Infinity);
  const factor = f32x4.splat(softcap);
  const inverse = f32x4.splat(1 / softcap);
  for (let row: u32 = 0; row < rows; row++) {
    let highest = lowest;
    let i: usize = 0;
    for (; i < end; i += 16) highest = f32x4.pmax(highest, v128.load(logits + i));
    if (rest) highest = f32x4.pmax(highest, v128.bitselect(loadPart(logits + i, rest), lowest, laneMask(rest)));
    const shift = cap(f32x4.splat(max4(highest)), capped, factor, inverse);
    let sum = f32x4.splat(0);
    i = 0;
    for (; i < end; i += 16) sum = f32x4.add(sum, boundedExp4(f32x4.sub(cap(v128.load(logits + i), capped, factor, inverse), shift)));
    if (rest) {
      const e = boundedExp4(f32x4.sub(cap(loadPart(logits + i, rest), capped, factor, inverse), shift));
      sum = f32x4.add(sum, v128.and(e, laneMask(rest)));
    }
    const total = sum4(sum);
    // NaN stays NaN; ln is for normal numbers only, and the sum is at least 1 or not a number.
    store<f32>(out, total > 0 ? <f32>(<f64>f32x4.extract_lane(shift, 0) + ln(<f64>total)) : total);
    out += 4;
    logits += <usize>width * 4;
  }
}

export function softcapLogSumExp(logits: usize, out: usize, rows: u32, width: u32, softcap: f32): void {
  if (softcap == 0) logSumExpRows(logits, out, rows, width, 0, false);
  else logSumExpRows(logits, out, rows, width, softcap, true);
}

/** dy e^(capped - lse) (1 - tanh^2), for four logits. */
// @ts-ignore: decorator
@inline
function logitSlope(x: v128, capped: bool, softcap: v128, inverse: v128, lse: v128, dy: v128): v128 {
  if (!capped) return f32x4.mul(dy, boundedExp4(f32x4.sub(x, lse)));
  const t = mostlySmallTanh4(f32x4.mul(x, inverse));
  const p = boundedExp4(f32x4.sub(f32x4.mul(t, softcap), lse));
  return f32x4.mul(f32x4.mul(dy, p), f32x4.sub(f32x4.splat(1), f32x4.mul(t, t)));
}

// @ts-ignore: decorator
@inline
function crossEntropyGradRows(logits: usize, targets: usize, lse: usize, dy: usize, out: usize, rows: u32, width: u32, softcap: f32, capped: bool): void {
  const end: usize = (width & ~3) << 2;
  const rest = width & 3;
  const factor = f32x4.splat(softcap);
  const inverse = f32x4.splat(1 / softcap);
  for (let row: u32 = 0; row < rows; row++) {
    const l = v128.load32_splat(lse), d = v128.load32_splat(dy);
    let i: usize = 0;
    for (; i < end; i += 16) v128.store(out + i, logitSlope(v128.load(logits + i), capped, factor, inverse, l, d));
    if (rest) storePart(out + i, logitSlope(loadPart(logits + i, rest), capped, factor, inverse, l, d), rest);
    const target = load<i32>(targets);
    if (target >= 0 && <u32>target < width) {
      const at: usize = <usize>target * 4;
      let hit = load<f32>(dy);
      if (capped) {
        const t = f32x4.extract_lane(mostlySmallTanh4(f32x4.mul(v128.load32_splat(logits + at), inverse)), 0);
        hit *= 1 - t * t;
      }
      store<f32>(out + at, load<f32>(out + at) - hit);
    }
    lse += 4;
    dy += 4;
    targets += 4;
    logits += <usize>width * 4;
    out += <usize>width * 4;
  }
}

/** out = dy (softmax - onehot) (1 - tanh^2); a target outside [0, width) is in another chunk of the vocabulary. */
export function softcapCrossEntropyGrad(logits: usize, targets: usize, lse: usize, dy: usize, out: usize, rows: u32, width: u32, softcap: f32): void {
  if (softcap == 0) crossEntropyGradRows(logits, targets, lse, dy, out, rows, width, 0, false);
  else crossEntropyGradRows(logits, targets, lse, dy, out, rows, width, softcap, true);
}
