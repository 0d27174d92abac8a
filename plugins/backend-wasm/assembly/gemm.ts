/**
 * Matrix product on four-lane f32 vectors: C[M,N] = op(A) op(B), op being nothing or a transpose.
 *
 * Both operands are packed, K by blocks: B into panels of 8 columns, A into panels of 4 rows, so that every transpose meets the same inner
 * loop. A 4x8 tile of C stays in registers: 8 accumulators, 2 vectors of B, 1 broadcast of A and a product are as many as V8 keeps
 * without spilling (a 6x8 tile was measured a quarter slower in the plain build). Few rows against a transposed B take a dot-product kernel
 * that packs nothing, and few rows against a plain B read it in place.
 */
import { madd, sum4 } from './simd';

/** Longest stretch of k that one pass takes: 8 columns x 384 x 4 bytes = 12 KiB of B beside 6 KiB of A in the first-level cache. */
const K_BLOCK: u32 = 384;
/** Floats of packed B: 256 KiB, half of a common second-level cache. */
const B_FLOATS: u32 = 65536;
/** Up to this many rows a transposed B is not worth packing. */
const DOT_ROWS: u32 = 24;
/** Up to this many rows a plain B is read in place. */
const DIRECT_ROWS: u32 = 8;

/** Bytes of scratch that {@link gemm} needs: packed B, up to 16 packed rows of A, and one 4x8 tile. */
export function gemmScratchBytes(): u32 {
  return B_FLOATS * 4 + 16 * K_BLOCK * 4 + 4 * 8 * 4;
}

/**
 * One tile of `rows` (4, 2 or 1) x 8. A's element (r, k) lies at `a + r*4 + k*aStep`, B's row k at `b + k*bStep`; `c` rows are `cRow`
 * bytes apart. The tile is multiplied by `alpha`, and added to C if `accumulate`.
 */
// @ts-ignore: decorator
@inline
function tile(
  rows: u32, a: usize, aStep: usize, b: usize, bStep: usize, c: usize, cRow: usize, k: u32, alpha: f32, accumulate: bool,
): void {
  let x00 = f32x4.splat(0), x01 = f32x4.splat(0), x10 = f32x4.splat(0), x11 = f32x4.splat(0);
  let x20 = f32x4.splat(0), x21 = f32x4.splat(0), x30 = f32x4.splat(0), x31 = f32x4.splat(0);
  while (k > 0) {
    const b0 = v128.load(b), b1 = v128.load(b, 16);
    let s = v128.load32_splat(a);
    x00 = madd(s, b0, x00); x01 = madd(s, b1, x01);
    if (rows > 1) { s = v128.load32_splat(a, 4); x10 = madd(s, b0, x10); x11 = madd(s, b1, x11); }
    if (rows > 2) {
      s = v128.load32_splat(a, 8); x20 = madd(s, b0, x20); x21 = madd(s, b1, x21);
      s = v128.load32_splat(a, 12); x30 = madd(s, b0, x30); x31 = madd(s, b1, x31);
    }
    a += aStep;
    b += bStep;
    k--;
  }
  put(c, x00, x01, alpha, accumulate);
  if (rows > 1) { c += cRow; put(c, x10, x11, alpha, accumulate); }
  if (rows > 2) { c += cRow; put(c, x20, x21, alpha, accumulate); c += cRow; put(c, x30, x31, alpha, accumulate); }
}

// @ts-ignore: decorator
@inline
function put(c: usize, x0: v128, x1: v128, alpha: f32, accumulate: bool): void {
  const factor = f32x4.splat(alpha);
  if (accumulate) {
    v128.store(c, madd(x0, factor, v128.load(c)));
    v128.store(c, madd(x1, factor, v128.load(c, 16)), 16);
  } else {
    v128.store(c, f32x4.mul(x0, factor));
    v128.store(c, f32x4.mul(x1, factor), 16);
  }
}

/**
 * The 4 x 8 {@link tile} of packed operands, two steps of k a turn. The way out between them keeps V8 from loading both steps' operands at
 * once, which are more than it has registers for; and that A's address moves twice, but B's once, leaves it the addresses that it keeps.
 * With fused multiply-add one step a turn gave 26 GF/s on a Xeon of 2.5 GHz in Node 20, this 39; in Node 24 the two are alike. (Four steps
 * without a way out between them: 25 instead of 36 in the plain build, on another machine.)
 */
function packedTile(a: usize, b: usize, c: usize, cRow: usize, k: u32, alpha: f32, accumulate: bool): void {
  let x00 = f32x4.splat(0), x01 = f32x4.splat(0), x10 = f32x4.splat(0), x11 = f32x4.splat(0);
  let x20 = f32x4.splat(0), x21 = f32x4.splat(0), x30 = f32x4.splat(0), x31 = f32x4.splat(0);
  while (true) {
    let b0 = v128.load(b), b1 = v128.load(b, 16);
    let s = v128.load32_splat(a); x00 = madd(s, b0, x00); x01 = madd(s, b1, x01);
    s = v128.load32_splat(a, 4); x10 = madd(s, b0, x10); x11 = madd(s, b1, x11);
    s = v128.load32_splat(a, 8); x20 = madd(s, b0, x20); x21 = madd(s, b1, x21);
    s = v128.load32_splat(a, 12); x30 = madd(s, b0, x30); x31 = madd(s, b1, x31);
    if (k == 1) break;
    a += 16;
    b0 = v128.load(b, 32);
    b1 = v128.load(b, 48);
    s = v128.load32_splat(a); x00 = madd(s, b0, x00); x01 = madd(s, b1, x01);
    s = v128.load32_splat(a, 4); x10 = madd(s, b0, x10); x11 = madd(s, b1, x11);
    s = v128.load32_splat(a, 8); x20 = madd(s, b0, x20); x21 = madd(s, b1, x21);
    s = v128.load32_splat(a, 12); x30 = madd(s, b0, x30); x31 = madd(s, b1, x31);
    a += 16;
    b += 64;
    k -= 2;
    if (k == 0) break;
  }
  put(c, x00, x01, alpha, accumulate); c += cRow;
  put(c, x10, x11, alpha, accumulate); c += cRow;
  put(c, x20, x21, alpha, accumulate); c += cRow;
  put(c, x30, x31, alpha, accumulate);
}
function tile4(a: usize, aStep: usize, b: usize, bStep: usize, c: usize, cRow: usize, k: u32, alpha: f32, accumulate: bool): void {
  tile(4, a, aStep, b, bStep, c, cRow, k, alpha, accumulate);
}
function tile2(a: usize, aStep: usize, b: usize, bStep: usize, c: usize, cRow: usize, k: u32, alpha: f32, accumulate: bool): void {
  tile(2, a, aStep, b, bStep, c, cRow, k, alpha, accumulate);
}
function tile1(a: usize, aStep: usize, b: usize, bStep: usize, c: usize, cRow: usize, k: u32, alpha: f32, accumulate: bool): void {
  tile(1, a, aStep, b, bStep, c, cRow, k, alpha, accumulate);
}

/** `rows` (1 to 4) x 8 of C. */
function rowsBy8(
  rows: u32, a: usize, aStep: usize, b: usize, bStep: usize, c: usize, cRow: usize, k: u32, alpha: f32, accumulate: bool,
): void {
  if (rows == 4) {
    if (aStep == 16 && bStep == 32) packedTile(a, b, c, cRow, k, alpha, accumulate);
    else tile4(a, aStep, b, bStep, c, cRow, k, alpha, accumulate);
    return;
  }
  if (rows & 2) { tile2(a, aStep, b, bStep, c, cRow, k, alpha, accumulate); a += 8; c += cRow * 2; }
  if (rows & 1) tile1(a, aStep, b, bStep, c, cRow, k, alpha, accumulate);
}

/** Packs `columns` (1 to 8) columns of B, `k` long, into rows of 8 floats; missing columns are zero. */
function packB(b: usize, ldb: usize, transposed: bool, to: usize, columns: u32, k: u32): void {
  if (columns < 8) {
    const columnStep: usize = transposed ? ldb : 4;
    const kStep: usize = transposed ? 4 : ldb;
    for (let i: u32 = 0; i < k; i++) {
      v128.store(to, f32x4.splat(0));
      v128.store(to, f32x4.splat(0), 16);
      let from = b + i * kStep;
      for (let j: u32 = 0; j < columns; j++, from += columnStep) store<f32>(to + j * 4, load<f32>(from));
      to += 32;
    }
    return;
  }
  if (!transposed) {
    for (let i: u32 = 0; i < k; i++) {
      v128.store(to, v128.load(b));
      v128.store(to, v128.load(b, 16), 16);
      b += ldb;
      to += 32;
    }
    return;
  }
  let k4 = k >> 2;
  let b4 = b + ldb * 4;
  while (k4 > 0) {
    transpose4(b, ldb, to, 32);
    transpose4(b4, ldb, to + 16, 32);
    b += 16;
    b4 += 16;
    to += 128;
    k4--;
  }
  for (let i: u32 = 0; i < (k & 3); i++) {
    let from = b;
    for (let j: usize = 0; j < 32; j += 4, from += ldb) store<f32>(to + j, load<f32>(from));
    b += 4;
    to += 32;
  }
}

/** Four rows of four floats at `from` (rows `stride` bytes apart), transposed to `to` (rows `toStride` apart). */
// @ts-ignore: decorator
@inline
function transpose4(from: usize, stride: usize, to: usize, toStride: usize): void {
  const r0 = v128.load(from), r1 = v128.load(from + stride), r2 = v128.load(from + stride * 2), r3 = v128.load(from + stride * 3);
  const l01 = v128.shuffle<i32>(r0, r1, 0, 4, 1, 5), h01 = v128.shuffle<i32>(r0, r1, 2, 6, 3, 7);
  const l23 = v128.shuffle<i32>(r2, r3, 0, 4, 1, 5), h23 = v128.shuffle<i32>(r2, r3, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<i64>(l01, l23, 0, 2));
  v128.store(to + toStride, v128.shuffle<i64>(l01, l23, 1, 3));
  v128.store(to + toStride * 2, v128.shuffle<i64>(h01, h23, 0, 2));
  v128.store(to + toStride * 3, v128.shuffle<i64>(h01, h23, 1, 3));
}

/**
 * Packs 16 rows of a transposed A, `k` long, into four times rows of 4 floats: a whole line of the cache at once. Lines that lie a power of
 * two apart drive each other out, and 4 floats at a time each would be fetched four times.
 */
function packTransposedA(a: usize, lda: usize, to: usize, k: u32): void {
  const panel: usize = <usize>k * 16;
  for (let i: u32 = 0; i < k; i++) {
    v128.store(to, v128.load(a));
    v128.store(to + panel, v128.load(a, 16));
    v128.store(to + panel * 2, v128.load(a, 32));
    v128.store(to + panel * 3, v128.load(a, 48));
    a += lda;
    to += 16;
  }
}

/** Packs `rows` (1 to 4) rows of op(A), `k` long, into rows of 4 floats. */
function packA(a: usize, lda: usize, transposed: bool, to: usize, rows: u32, k: u32): void {
  if (rows == 4) {
    if (transposed) {
      for (let i: u32 = 0; i < k; i++) {
        v128.store(to, v128.load(a));
        a += lda;
        to += 16;
      }
      return;
    }
    for (; k >= 4; k -= 4) {
      transpose4(a, lda, to, 16);
      a += 16;
      to += 64;
    }
  }
  const rowStep: usize = transposed ? 4 : lda;
  const kStep: usize = transposed ? lda : 4;
  for (let i: u32 = 0; i < k; i++) {
    let from = a;
    for (let r: usize = 0; r < <usize>rows * 4; r += 4, from += rowStep) store<f32>(to + r, load<f32>(from));
    a += kStep;
    to += 16;
  }
}

/** Dot products of `rows` (2 or 1) rows of A with `columns` (4 or 1) rows of B. */
// @ts-ignore: decorator
@inline
function dots(
  rows: u32, columns: u32, a: usize, lda: usize, b: usize, ldb: usize, c: usize, ldc: usize, k: u32, alpha: f32, accumulate: bool,
): void {
  const a1 = a + lda, b1 = b + ldb, b2 = b1 + ldb, b3 = b2 + ldb;
  let x00 = f32x4.splat(0), x01 = f32x4.splat(0), x02 = f32x4.splat(0), x03 = f32x4.splat(0);
  let x10 = f32x4.splat(0), x11 = f32x4.splat(0), x12 = f32x4.splat(0), x13 = f32x4.splat(0);
  const end: usize = (k >> 2) << 4;
  let i: usize = 0;
  for (; i < end; i += 16) {
    const l0 = v128.load(a + i);
    let l1 = l0;
    if (rows > 1) l1 = v128.load(a1 + i);
    let r = v128.load(b + i);
    x00 = madd(l0, r, x00);
    if (rows > 1) x10 = madd(l1, r, x10);
    if (columns > 1) {
      r = v128.load(b1 + i);
      x01 = madd(l0, r, x01);
      if (rows > 1) x11 = madd(l1, r, x11);
      r = v128.load(b2 + i);
      x02 = madd(l0, r, x02);
      if (rows > 1) x12 = madd(l1, r, x12);
      r = v128.load(b3 + i);
      x03 = madd(l0, r, x03);
      if (rows > 1) x13 = madd(l1, r, x13);
    }
  }
  for (; i < <usize>k * 4; i += 4) {
    const l0 = v128.load32_zero(a + i);
    let l1 = l0;
    if (rows > 1) l1 = v128.load32_zero(a1 + i);
    let r = v128.load32_zero(b + i);
    x00 = madd(l0, r, x00);
    if (rows > 1) x10 = madd(l1, r, x10);
    if (columns > 1) {
      r = v128.load32_zero(b1 + i);
      x01 = madd(l0, r, x01);
      if (rows > 1) x11 = madd(l1, r, x11);
      r = v128.load32_zero(b2 + i);
      x02 = madd(l0, r, x02);
      if (rows > 1) x12 = madd(l1, r, x12);
      r = v128.load32_zero(b3 + i);
      x03 = madd(l0, r, x03);
      if (rows > 1) x13 = madd(l1, r, x13);
    }
  }
  if (columns > 1) {
    putFour(c, sums(x00, x01, x02, x03), alpha, accumulate);
    if (rows > 1) putFour(c + ldc, sums(x10, x11, x12, x13), alpha, accumulate);
  } else {
    putOne(c, sum4(x00), alpha, accumulate);
    if (rows > 1) putOne(c + ldc, sum4(x10), alpha, accumulate);
  }
}

// @ts-ignore: decorator
@inline
function putFour(c: usize, x: v128, alpha: f32, accumulate: bool): void {
  const factor = f32x4.splat(alpha);
  v128.store(c, accumulate ? madd(x, factor, v128.load(c)) : f32x4.mul(x, factor));
}

// @ts-ignore: decorator
@inline
function putOne(c: usize, x: f32, alpha: f32, accumulate: bool): void {
  store<f32>(c, accumulate ? load<f32>(c) + x * alpha : x * alpha);
}

/** The lane sums of four vectors, as one vector. */
// @ts-ignore: decorator
@inline
function sums(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = f32x4.add(v128.shuffle<i32>(a, b, 0, 4, 1, 5), v128.shuffle<i32>(a, b, 2, 6, 3, 7));
  const cd = f32x4.add(v128.shuffle<i32>(c, d, 0, 4, 1, 5), v128.shuffle<i32>(c, d, 2, 6, 3, 7));
  return f32x4.add(v128.shuffle<i64>(ab, cd, 0, 2), v128.shuffle<i64>(ab, cd, 1, 3));
}

function dots24(a: usize, lda: usize, b: usize, ldb: usize, c: usize, ldc: usize, k: u32, alpha: f32, accumulate: bool): void {
  dots(2, 4, a, lda, b, ldb, c, ldc, k, alpha, accumulate);
}
function dots14(a: usize, lda: usize, b: usize, ldb: usize, c: usize, ldc: usize, k: u32, alpha: f32, accumulate: bool): void {
  dots(1, 4, a, lda, b, ldb, c, ldc, k, alpha, accumulate);
}
function dots21(a: usize, lda: usize, b: usize, ldb: usize, c: usize, ldc: usize, k: u32, alpha: f32, accumulate: bool): void {
  dots(2, 1, a, lda, b, ldb, c, ldc, k, alpha, accumulate);
}
function dots11(a: usize, lda: usize, b: usize, ldb: usize, c: usize, ldc: usize, k: u32, alpha: f32, accumulate: bool): void {
  dots(1, 1, a, lda, b, ldb, c, ldc, k, alpha, accumulate);
}

/** C (+)= alpha A Bᵀ with nothing packed: every operand is contiguous in k. */
function dotProduct(
  a: usize, lda: usize, b: usize, ldb: usize, c: usize, ldc: usize, m: u32, n: u32, k: u32, alpha: f32, accumulate: bool,
): void {
  // Columns in blocks that stay in the first-level cache while all rows pass over them.
  const block: u32 = max<u32>(4, (4096 / max<u32>(k, 1)) & ~3);
  for (let j0: u32 = 0; j0 < n; j0 += block) {
    const j1 = min<u32>(n, j0 + block);
    let i: u32 = 0;
    for (; i + 2 <= m; i += 2) {
      const ai = a + i * lda;
      let j = j0;
      for (; j + 4 <= j1; j += 4) dots24(ai, lda, b + j * ldb, ldb, c + i * ldc + j * 4, ldc, k, alpha, accumulate);
      for (; j < j1; j++) dots21(ai, lda, b + j * ldb, ldb, c + i * ldc + j * 4, ldc, k, alpha, accumulate);
    }
    for (; i < m; i++) {
      const ai = a + i * lda;
      let j = j0;
      for (; j + 4 <= j1; j += 4) dots14(ai, lda, b + j * ldb, ldb, c + i * ldc + j * 4, ldc, k, alpha, accumulate);
      for (; j < j1; j++) dots11(ai, lda, b + j * ldb, ldb, c + i * ldc + j * 4, ldc, k, alpha, accumulate);
    }
  }
}

/** Whether {@link gemm} takes the dot-product kernel, which sums in another order than the tiles do. */
export function gemmIsDotProduct(ta: bool, tb: bool, m: u32): bool {
  return tb && !ta && m <= DOT_ROWS;
}

/**
 * C[m,n] = alpha op(A) op(B), added to C if `accumulate`. `lda`, `ldb`, `ldc` are the row lengths (floats) of the matrices as stored: A is
 * [m,k], or [k,m] when `ta`; B is [k,n], or [n,k] when `tb`. k, m and n must not be 0. `scratch` holds `gemmScratchBytes()` bytes.
 */
export function gemm(
  a: usize, lda: u32, ta: bool, b: usize, ldb: u32, tb: bool, c: usize, ldc: u32, m: u32, n: u32, k: u32, alpha: f32, accumulate: bool,
  scratch: usize,
): void {
  if (gemmIsDotProduct(ta, tb, m)) dotProduct(a, <usize>lda << 2, b, <usize>ldb << 2, c, <usize>ldc << 2, m, n, k, alpha, accumulate);
  else tiledProduct(a, lda, ta, b, ldb, tb, c, ldc, m, n, k, alpha, accumulate, scratch);
}

/** {@link gemm} by packed tiles, however few rows there are: a piece of a larger product keeps the kernel, and so the bits, of the whole. */
export function tiledProduct(
  a: usize, lda: u32, ta: bool, b: usize, ldb: u32, tb: bool, c: usize, ldc: u32, m: u32, n: u32, k: u32, alpha: f32, accumulate: bool,
  scratch: usize,
): void {
  const aRow: usize = <usize>lda << 2, bRow: usize = <usize>ldb << 2, cRow: usize = <usize>ldc << 2;
  const packedA: usize = scratch + B_FLOATS * 4;
  const edge: usize = packedA + 16 * K_BLOCK * 4;
  const direct = !tb && m <= DIRECT_ROWS;
  // Equal blocks of k, so that no short one is left over.
  const blocks = (k + K_BLOCK - 1) / K_BLOCK;
  const kBlock = min<u32>(k, ((k + blocks - 1) / blocks + 3) & ~3);
  const nBlock = (B_FLOATS / kBlock) & ~7;
  for (let k0: u32 = 0; k0 < k; k0 += kBlock) {
    const kc = min<u32>(kBlock, k - k0);
    const onto = accumulate || k0 > 0;
    const panel: usize = kc * 32;
    for (let j0: u32 = 0; j0 < n; j0 += nBlock) {
      const nc = min<u32>(nBlock, n - j0);
      const full = nc & ~7;
      const from: usize = tb ? b + <usize>j0 * bRow + k0 * 4 : b + <usize>k0 * bRow + j0 * 4;
      let to = scratch;
      for (let j: u32 = direct ? full : 0; j < nc; j += 8) {
        packB(from + (tb ? j * bRow : j * 4), bRow, tb, to, min<u32>(8, nc - j), kc);
        to += panel;
      }
      for (let i: u32 = 0; i < m; i += 4) {
        const rows = min<u32>(4, m - i);
        let ai: usize, aStep: usize;
        if (ta) {
          ai = a + <usize>k0 * aRow + i * 4;
          aStep = aRow;
        } else {
          ai = a + <usize>i * aRow + k0 * 4;
          aStep = 4;
        }
        // A single row is read in place, and so is a transposed A that only one panel will meet.
        if (ta ? nc > 8 : rows > 1) {
          if (ta && i < (m & ~15)) {
            if ((i & 15) == 0) packTransposedA(ai, aRow, packedA, kc);
            ai = packedA + <usize>(i & 15) * kc * 4;
          } else {
            packA(ai, aRow, ta, packedA, rows, kc);
            ai = packedA;
          }
          aStep = 16;
        }
        let ci: usize = c + <usize>i * cRow + j0 * 4;
        let bj: usize = direct ? from : scratch;
        const bStep: usize = direct ? bRow : 32;
        const bNext: usize = direct ? 32 : panel;
        for (let j: u32 = 0; j < full; j += 8) {
          rowsBy8(rows, ai, aStep, bj, bStep, ci, cRow, kc, alpha, onto);
          bj += bNext;
          ci += 32;
        }
        if (full < nc) {
          rowsBy8(rows, ai, aStep, direct ? scratch : bj, 32, edge, 32, kc, alpha, false);
          const rest = nc - full;
          for (let r: u32 = 0; r < rows; r++) {
            for (let j: u32 = 0; j < rest; j++) {
              const at = ci + r * cRow + j * 4;
              const value = load<f32>(edge + r * 32 + j * 4);
              store<f32>(at, onto ? load<f32>(at) + value : value);
            }
          }
        }
      }
    }
  }
}
