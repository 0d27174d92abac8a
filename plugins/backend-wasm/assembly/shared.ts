/**
 * Kernels on several threads: the matrix product, and the longest of the others. The main thread posts a task cut into pieces, takes pieces itself and waits for those that
 * others have taken; a thread that is late or never comes takes none, so nobody waits for it. Every element is computed by the same
 * operations in the same order as on one thread: the bits do not depend on the number of threads.
 *
 * The control block, 4-byte words: what the threads agree on, then the posted task.
 */
import { attentionParts, someAttention, someAttentionGrad } from './attention';
import { geglu, gegluGrad } from './elementwise';
import { gemm, gemmIsDotProduct, tiledProduct } from './gemm';
import { softcapCrossEntropyGrad, softcapLogSumExp } from './rows';

/**
 * Number of the task times 256, plus how many pieces it has times 16, plus the next piece that nobody has taken. One word, so that a piece
 * is taken of the task that was read: the number of pieces in a word of its own could already be that of the next task, and a thread that
 * comes late would take a piece of it before it is posted, which is then computed twice and another one not waited for.
 */
const TICKET: usize = 0;
/** Pieces done. */
const DONE: usize = 64;
/** Threads that sleep until the ticket changes. */
const SLEEPING: usize = 128;
/** 1 while the main thread sleeps until {@link DONE} changes. */
const WAITING: usize = 132;
/** 1: threads are to end. */
const STOP: usize = 136;
/** 1: a thread broke off in the middle of a piece. */
const BROKEN: usize = 140;
/** Pieces that helping threads have taken so far. */
const HELPED: usize = 144;
/** What the pieces of the task are, and how many rows, columns or elements one piece has; then the operands. */
const KIND: usize = 192;
const SIZE: usize = 196;
const OPERANDS: usize = 200;
const CONTROL_BYTES: u32 = 320;

/** What the pieces of a task are. */
const PRODUCT_ROWS: u32 = 0;
const PRODUCT_COLUMNS: u32 = 1;
const GEGLU: u32 = 2;
const GEGLU_GRAD: u32 = 3;
const LOG_SUM_EXP: u32 = 4;
const CROSS_ENTROPY_GRAD: u32 = 5;
const ATTENTION: u32 = 6;
const ATTENTION_GRAD: u32 = 7;

/** Least elements of a piece of anything but a product: each costs some nanoseconds. */
const PIECE_ELEMENTS: u32 = 16384;
/** Floating-point operations of which a second thread is worth its waking up. */
const WORTH: f64 = 1000000;
/** Looks at a word before a thread goes to sleep over it: some 20 microseconds, about what waking it up costs. */
const SPINS: u32 = 20000;

/** Bytes of the control block; the caller clears it. */
export function controlBytes(): u32 {
  return CONTROL_BYTES;
}

/** {@link gemm}, with the help of the threads that {@link serve} `control`. */
export function sharedGemm(
  control: usize, a: usize, lda: u32, ta: bool, b: usize, ldb: u32, tb: bool, c: usize, ldc: u32, m: u32, n: u32, k: u32,
  alpha: f32, accumulate: bool, scratch: usize,
): void {
  const work = 2 * <f64>m * <f64>n * <f64>k;
  // Few rows are cut by columns: cut by rows each piece would pack all of B.
  const byRows = m >= 128 && (m >= n || n < 64) && !gemmIsDotProduct(ta, tb, m);
  const length = byRows ? m : n;
  const pieces = min<u32>(8, min<u32>(length / 32, <u32>(work / (WORTH / 2))));
  if (work < WORTH || pieces < 2) {
    gemm(a, lda, ta, b, ldb, tb, c, ldc, m, n, k, alpha, accumulate, scratch);
    return;
  }
  operand(control, 0, a);
  operand(control, 1, lda);
  operand(control, 2, ta ? 1 : 0);
  operand(control, 3, b);
  operand(control, 4, ldb);
  operand(control, 5, tb ? 1 : 0);
  operand(control, 6, c);
  operand(control, 7, ldc);
  operand(control, 8, m);
  operand(control, 9, n);
  operand(control, 10, k);
  operand(control, 11, reinterpret<u32>(alpha));
  operand(control, 12, accumulate ? 1 : 0);
  share(control, byRows ? PRODUCT_ROWS : PRODUCT_COLUMNS, length, ((length + pieces - 1) / pieces + 7) & ~7, scratch);
}

/** {@link geglu} on all threads. */
export function sharedGeglu(control: usize, gate: usize, up: usize, out: usize, n: u32, scratch: usize): void {
  operand(control, 0, gate);
  operand(control, 1, up);
  operand(control, 2, out);
  operand(control, 3, n);
  share(control, GEGLU, n, pieceOf(n, 1), scratch);
}

/** {@link gegluGrad} on all threads. */
export function sharedGegluGrad(control: usize, gate: usize, up: usize, dy: usize, dgate: usize, dup: usize, n: u32, scratch: usize): void {
  operand(control, 0, gate);
  operand(control, 1, up);
  operand(control, 2, dy);
  operand(control, 3, dgate);
  operand(control, 4, dup);
  operand(control, 5, n);
  share(control, GEGLU_GRAD, n, pieceOf(n, 1), scratch);
}

/** {@link softcapLogSumExp} on all threads. */
export function sharedLogSumExp(control: usize, logits: usize, out: usize, rows: u32, width: u32, softcap: f32, scratch: usize): void {
  operand(control, 0, logits);
  operand(control, 1, out);
  operand(control, 2, rows);
  operand(control, 3, width);
  operand(control, 4, reinterpret<u32>(softcap));
  share(control, LOG_SUM_EXP, rows, pieceOf(rows, width), scratch);
}

/** {@link softcapCrossEntropyGrad} on all threads. */
export function sharedCrossEntropyGrad(
  control: usize, logits: usize, targets: usize, lse: usize, dy: usize, out: usize, rows: u32, width: u32, softcap: f32, scratch: usize,
): void {
  operand(control, 0, logits);
  operand(control, 1, targets);
  operand(control, 2, lse);
  operand(control, 3, dy);
  operand(control, 4, out);
  operand(control, 5, rows);
  operand(control, 6, width);
  operand(control, 7, reinterpret<u32>(softcap));
  share(control, CROSS_ENTROPY_GRAD, rows, pieceOf(rows, width), scratch);
}

/** {@link attention} on all threads; the operands have room for the scores of 8 pieces. */
export function sharedAttention(control: usize, operands: usize, scratch: usize): void {
  shareAttention(control, ATTENTION, operands, scratch);
}

/** {@link attentionGrad} on all threads. */
export function sharedAttentionGrad(control: usize, operands: usize, scratch: usize): void {
  shareAttention(control, ATTENTION_GRAD, operands, scratch);
}

function shareAttention(control: usize, kind: u32, operands: usize, scratch: usize): void {
  const parts = attentionParts(operands);
  operand(control, 0, operands);
  share(control, kind, parts, (parts + 7) / 8, scratch);
}

/** Computes piece `index` of the posted task. */
function compute(control: usize, index: u32, scratch: usize): void {
  const kind = load<u32>(control + KIND), size = load<u32>(control + SIZE);
  const start = index * size;
  if (kind == PRODUCT_ROWS || kind == PRODUCT_COLUMNS) {
    let a: usize = at(control, 0), b: usize = at(control, 3), c: usize = at(control, 6);
    const lda = at(control, 1), ldb = at(control, 4), ldc = at(control, 7);
    const ta = at(control, 2) != 0, tb = at(control, 5) != 0;
    const m = at(control, 8), n = at(control, 9), k = at(control, 10);
    const alpha = reinterpret<f32>(at(control, 11)), accumulate = at(control, 12) != 0;
    if (kind == PRODUCT_ROWS) {
      a += (<usize>start * (ta ? 1 : lda)) << 2;
      c += (<usize>start * ldc) << 2;
      tiledProduct(a, lda, ta, b, ldb, tb, c, ldc, min<u32>(size, m - start), n, k, alpha, accumulate, scratch);
    } else {
      b += (<usize>start * (tb ? ldb : 1)) << 2;
      c += <usize>start << 2;
      gemm(a, lda, ta, b, ldb, tb, c, ldc, m, min<u32>(size, n - start), k, alpha, accumulate, scratch);
    }
    return;
  }
  if (kind == ATTENTION || kind == ATTENTION_GRAD) {
    const operands: usize = at(control, 0);
    const end = min<u32>(attentionParts(operands), start + size);
    if (kind == ATTENTION) someAttention(operands, start, end, index, scratch);
    else someAttentionGrad(operands, start, end, index, scratch);
    return;
  }
  const from: usize = <usize>start << 2;
  if (kind == GEGLU) {
    geglu(at(control, 0) + from, at(control, 1) + from, at(control, 2) + from, min<u32>(size, at(control, 3) - start));
  } else if (kind == GEGLU_GRAD) {
    const left = min<u32>(size, at(control, 5) - start);
    gegluGrad(at(control, 0) + from, at(control, 1) + from, at(control, 2) + from, at(control, 3) + from, at(control, 4) + from, left);
  } else if (kind == LOG_SUM_EXP) {
    const width = at(control, 3);
    const rows = min<u32>(size, at(control, 2) - start);
    softcapLogSumExp(at(control, 0) + from * width, at(control, 1) + from, rows, width, reinterpret<f32>(at(control, 4)));
  } else {
    const width = at(control, 6);
    const rows = min<u32>(size, at(control, 5) - start);
    softcapCrossEntropyGrad(
      at(control, 0) + from * width, at(control, 1) + from, at(control, 2) + from, at(control, 3) + from, at(control, 4) + from * width,
      rows, width, reinterpret<f32>(at(control, 7)),
    );
  }
}

/** Rows (or, with a width of 1, elements) of a piece: at most 8 pieces, each large enough, with ends where a vector ends. */
function pieceOf(rows: u32, width: u32): u32 {
  const least = (PIECE_ELEMENTS + width - 1) / max<u32>(width, 1);
  return (max<u32>(least, (rows + 7) / 8) + 3) & ~3;
}

// @ts-ignore: decorator
@inline
function operand(control: usize, index: u32, value: usize): void {
  store<usize>(control + OPERANDS + (<usize>index << 2), value);
}

// @ts-ignore: decorator
@inline
function at(control: usize, index: u32): u32 {
  return load<u32>(control + OPERANDS + (<usize>index << 2));
}

/** Computes the task whose operands are in place, `length` cut into pieces of `size`, on all threads. */
function share(control: usize, kind: u32, length: u32, size: u32, scratch: usize): void {
  const pieces = (length + size - 1) / size;
  store<u32>(control + KIND, kind);
  store<u32>(control + SIZE, size);
  if (pieces < 2) {
    if (pieces == 1) compute(control, 0, scratch);
    return;
  }
  atomic.store<u32>(control + DONE, 0);
  atomic.store<u32>(control + TICKET, (((atomic.load<u32>(control + TICKET) >> 8) + 1) << 8) | (pieces << 4));
  if (atomic.load<u32>(control + SLEEPING) > 0) atomic.notify(control + TICKET, -1);
  while (take(control, scratch)) {}
  // Whoever holds the last pieces is at work; on a busy machine it may be without a processor, so this thread leaves it one.
  for (let spin: u32 = 0; ; spin++) {
    const done = atomic.load<u32>(control + DONE);
    if (done >= pieces) break;
    if (spin < SPINS) continue;
    atomic.store<u32>(control + WAITING, 1);
    atomic.wait<i32>(control + DONE, <i32>done, 1000000);
    atomic.store<u32>(control + WAITING, 0);
  }
  if (atomic.load<u32>(control + BROKEN) != 0) unreachable();
}

/** Takes one piece and computes it. False if there is none. */
function take(control: usize, scratch: usize): bool {
  while (true) {
    const ticket = atomic.load<u32>(control + TICKET);
    const index = ticket & 15;
    if (index >= (ticket >> 4 & 15)) return false;
    // A task that has a piece at work stays as it is.
    if (atomic.cmpxchg<u32>(control + TICKET, ticket, ticket + 1) != ticket) continue;
    compute(control, index, scratch);
    atomic.add<u32>(control + DONE, 1);
    if (atomic.load<u32>(control + WAITING) != 0) atomic.notify(control + DONE, 1);
    return true;
  }
}

/** What a helping thread runs: takes pieces until {@link dismiss}. */
export function serve(control: usize, scratch: usize): void {
  while (atomic.load<i32>(control + STOP) == 0) {
    while (take(control, scratch)) atomic.add<i32>(control + HELPED, 1);
    const seen = atomic.load<u32>(control + TICKET);
    let spin: u32 = 0;
    while (spin < SPINS && atomic.load<u32>(control + TICKET) == seen) spin++;
    if (spin < SPINS) continue;
    atomic.add<i32>(control + SLEEPING, 1);
    if (atomic.load<i32>(control + STOP) == 0) atomic.wait<i32>(control + TICKET, <i32>seen, -1);
    atomic.sub<i32>(control + SLEEPING, 1);
  }
}

/** Pieces that helping threads have taken since the block was cleared, modulo 2^32. */
export function helped(control: usize): u32 {
  return atomic.load<u32>(control + HELPED);
}

/** For a thread whose {@link serve} was broken off: the main thread is to fail instead of waiting for its piece. */
export function abandon(control: usize): void {
  atomic.store<i32>(control + BROKEN, 1);
  atomic.add<i32>(control + DONE, 1);
  atomic.notify(control + DONE, 1);
}

/** Ends the threads that {@link serve} this block. */
export function dismiss(control: usize): void {
  atomic.store<i32>(control + STOP, 1);
  atomic.or<u32>(control + TICKET, 15);
  atomic.notify(control + TICKET, -1);
}
