/**
 * The matrix product on several threads. The main thread posts a product cut into pieces, takes pieces itself and waits for those that
 * others have taken; a thread that is late or never comes takes none, so nobody waits for it. Every element is computed by the same
 * operations in the same order as on one thread: the bits do not depend on the number of threads.
 *
 * The control block, 4-byte words: what the threads agree on, then the posted product.
 */
import { gemm, gemmIsDotProduct, tiledProduct } from './gemm';

/** Number of the product times 256, plus the next piece nobody has taken. One word, so that a piece is taken of the product that was read. */
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
/** Pieces of the product; then its operands. */
const PIECES: usize = 192;
const CONTROL_BYTES: u32 = 256;

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
  control: usize, a: usize, lda: u32, ta: bool, b: usize, ldb: u32, tb: bool, c: usize, ldc: u32, m: u32, n: u32, k: u32, scratch: usize,
): void {
  const work = 2 * <f64>m * <f64>n * <f64>k;
  // Few rows are cut by columns: cut by rows each piece would pack all of B.
  const byRows = m >= 128 && (m >= n || n < 64) && !gemmIsDotProduct(ta, tb, m);
  const length = byRows ? m : n;
  const pieces = min<u32>(8, min<u32>(length / 32, <u32>(work / (WORTH / 2))));
  if (work < WORTH || pieces < 2) {
    gemm(a, lda, ta, b, ldb, tb, c, ldc, m, n, k, scratch);
    return;
  }
  const piece = ((length + pieces - 1) / pieces + 7) & ~7;
  const count = (length + piece - 1) / piece;
  post(control, count, byRows ? piece : 0, a, lda, ta, b, ldb, tb, c, ldc, m, n, k, byRows ? 0 : piece);
  const posted = control + PIECES;
  while (take(control, scratch)) {}
  // Whoever holds the last pieces is at work; on a busy machine it may be without a processor, so this thread leaves it one.
  for (let spin: u32 = 0; atomic.load<u32>(control + DONE) < load<u32>(posted); spin++) {
    if (spin < SPINS) continue;
    const done = atomic.load<i32>(control + DONE);
    if (<u32>done >= load<u32>(posted)) break;
    atomic.store<i32>(control + WAITING, 1);
    atomic.wait<i32>(control + DONE, done, 1000000);
    atomic.store<i32>(control + WAITING, 0);
  }
  if (atomic.load<i32>(control + BROKEN) != 0) unreachable();
}

function post(
  control: usize, pieces: u32, rows: u32, a: usize, lda: u32, ta: bool, b: usize, ldb: u32, tb: bool, c: usize, ldc: u32, m: u32, n: u32, k: u32, columns: u32,
): void {
  const p = control + PIECES;
  store<u32>(p, pieces);
  store<u32>(p, rows, 4);
  store<u32>(p, columns, 8);
  store<usize>(p, a, 12);
  store<u32>(p, lda, 16);
  store<u32>(p, ta ? 1 : 0, 20);
  store<usize>(p, b, 24);
  store<u32>(p, ldb, 28);
  store<u32>(p, tb ? 1 : 0, 32);
  store<usize>(p, c, 36);
  store<u32>(p, ldc, 40);
  store<u32>(p, m, 44);
  store<u32>(p, n, 48);
  store<u32>(p, k, 52);
  atomic.store<i32>(control + DONE, 0);
  atomic.store<u32>(control + TICKET, ((atomic.load<u32>(control + TICKET) >> 8) + 1) << 8);
  if (atomic.load<i32>(control + SLEEPING) > 0) atomic.notify(control + TICKET, -1);
}

/** Takes one piece and computes it. False if there is none. */
function take(control: usize, scratch: usize): bool {
  const p = control + PIECES;
  while (true) {
    const ticket = atomic.load<u32>(control + TICKET);
    const index = ticket & 255;
    // Read before the piece is taken: if the ticket is still the same then, these belong to it.
    const pieces = load<u32>(p);
    if (index >= pieces) return false;
    const rows = load<u32>(p, 4), columns = load<u32>(p, 8);
    let a = load<usize>(p, 12), b = load<usize>(p, 24), c = load<usize>(p, 36);
    const lda = load<u32>(p, 16), ldb = load<u32>(p, 28), ldc = load<u32>(p, 40);
    const ta = load<u32>(p, 20) != 0, tb = load<u32>(p, 32) != 0;
    let m = load<u32>(p, 44), n = load<u32>(p, 48);
    const k = load<u32>(p, 52);
    if (atomic.cmpxchg<u32>(control + TICKET, ticket, ticket + 1) != ticket) continue;
    if (rows > 0) {
      const start = index * rows;
      m = min<u32>(rows, m - start);
      a += (<usize>start * (ta ? 1 : lda)) << 2;
      c += (<usize>start * ldc) << 2;
      tiledProduct(a, lda, ta, b, ldb, tb, c, ldc, m, n, k, scratch);
    } else {
      const start = index * columns;
      n = min<u32>(columns, n - start);
      b += (<usize>start * (tb ? ldb : 1)) << 2;
      c += <usize>start << 2;
      gemm(a, lda, ta, b, ldb, tb, c, ldc, m, n, k, scratch);
    }
    atomic.add<i32>(control + DONE, 1);
    if (atomic.load<i32>(control + WAITING) != 0) atomic.notify(control + DONE, 1);
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
  atomic.or<u32>(control + TICKET, 255);
  atomic.notify(control + TICKET, -1);
}
