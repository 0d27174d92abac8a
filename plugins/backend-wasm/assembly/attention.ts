/**
 * Causal attention with grouped heads, forward and backward, straight on [batch, position, head, headDim]: a head is a matrix whose rows
 * lie heads * headDim floats apart. Scores exist for a few queries of one head at a time, and only for the keys that those can see.
 */
import { gemm } from './gemm';
import { softmaxGrad, softmaxRow } from './rows';

/** Queries whose scores stand in memory together. More waste work on keys that causality hides, fewer waste packing. */
const QUERIES: u32 = 32;

/** The operands lie in a block of 4-byte words, one an operand: addresses, then counts, then the scale. */
const Q: usize = 0;
const K: usize = 4;
const V: usize = 8;
/** [batch, keys]: 1 where there is a token. */
const VALID: usize = 12;
const OUT: usize = 16;
const DY: usize = 20;
const DQ: usize = 24;
const DK: usize = 28;
const DV: usize = 32;
/** Room for scores, {@link attentionScoresBytes} for each that works at the same time. */
const SCORES: usize = 36;
const BATCH: usize = 40;
const POSITIONS: usize = 44;
const KEYS: usize = 48;
const HEADS: usize = 52;
const KV_HEADS: usize = 56;
const HEAD_DIM: usize = 60;
const WINDOW: usize = 64;
const OFFSET: usize = 68;
const SCALE: usize = 72;

/** Bytes of scores that one worker needs: those of a block of queries, and in the backward pass their gradients too. */
export function attentionScoresBytes(keys: u32): u32 {
  return 2 * QUERIES * keys * 4;
}

/** out = softmax(scale q kᵀ) v over the visible keys. */
export function attention(operands: usize, scratch: usize): void {
  someAttention(operands, 0, attentionParts(operands), 0, scratch);
}

/** The gradients dq, dk and dv of {@link attention} from dy. */
export function attentionGrad(operands: usize, scratch: usize): void {
  someAttentionGrad(operands, 0, attentionParts(operands), 0, scratch);
}

/** Parts that share no result: one for each key head of each row of the batch. */
export function attentionParts(operands: usize): u32 {
  return load<u32>(operands, BATCH) * load<u32>(operands, KV_HEADS);
}

/** Parts `first` to `last` of {@link attention}, by the worker of that number. */
export function someAttention(operands: usize, first: u32, last: u32, worker: u32, scratch: usize): void {
  const queries = load<u32>(operands, POSITIONS), keys = load<u32>(operands, KEYS), headDim = load<u32>(operands, HEAD_DIM);
  const heads = load<u32>(operands, HEADS), kvHeads = load<u32>(operands, KV_HEADS), group = heads / kvHeads;
  const qRow = heads * headDim, kRow = kvHeads * headDim;
  const scores = load<usize>(operands, SCORES) + <usize>worker * attentionScoresBytes(keys);
  for (let part = first; part < last; part++) {
    const batch = part / kvHeads, kvHead = part % kvHeads;
    const kStart: usize = (<usize>batch * keys * kRow + kvHead * headDim) << 2;
    for (let head = kvHead * group; head < (kvHead + 1) * group; head++) {
      const start: usize = (<usize>batch * queries * qRow + head * headDim) << 2;
      for (let t: u32 = 0; t < queries; t += QUERIES) {
        const rows = min<u32>(QUERIES, queries - t);
        const at: usize = start + ((<usize>t * qRow) << 2);
        const out = load<usize>(operands, OUT) + at;
        const from = firstKey(operands, t), count = keysSeen(operands, from, t + rows - 1);
        if (count == 0) {
          clear(out, qRow, rows, headDim);
          continue;
        }
        const kAt: usize = kStart + ((<usize>from * kRow) << 2);
        probabilities(operands, at, kAt, batch, t, rows, from, count, scores, scratch);
        gemm(scores, count, false, load<usize>(operands, V) + kAt, kRow, false, out, qRow, rows, headDim, count, 1, false, scratch);
      }
    }
  }
}

/** Parts `first` to `last` of {@link attentionGrad}, by the worker of that number. */
export function someAttentionGrad(operands: usize, first: u32, last: u32, worker: u32, scratch: usize): void {
  const queries = load<u32>(operands, POSITIONS), keys = load<u32>(operands, KEYS), headDim = load<u32>(operands, HEAD_DIM);
  const heads = load<u32>(operands, HEADS), kvHeads = load<u32>(operands, KV_HEADS), group = heads / kvHeads;
  const qRow = heads * headDim, kRow = kvHeads * headDim;
  const scores = load<usize>(operands, SCORES) + <usize>worker * attentionScoresBytes(keys);
  const scale = load<f32>(operands, SCALE);
  const slopes: usize = scores + (<usize>QUERIES * keys << 2);
  for (let part = first; part < last; part++) {
    const batch = part / kvHeads, kvHead = part % kvHeads;
    const kStart: usize = (<usize>batch * keys * kRow + kvHead * headDim) << 2;
    clear(load<usize>(operands, DK) + kStart, kRow, keys, headDim);
    clear(load<usize>(operands, DV) + kStart, kRow, keys, headDim);
    for (let head = kvHead * group; head < (kvHead + 1) * group; head++) {
      const start: usize = (<usize>batch * queries * qRow + head * headDim) << 2;
      for (let t: u32 = 0; t < queries; t += QUERIES) {
        const rows = min<u32>(QUERIES, queries - t);
        const at: usize = start + ((<usize>t * qRow) << 2);
        const dq = load<usize>(operands, DQ) + at;
        const from = firstKey(operands, t), count = keysSeen(operands, from, t + rows - 1);
        if (count == 0) {
          clear(dq, qRow, rows, headDim);
          continue;
        }
        const kAt: usize = kStart + ((<usize>from * kRow) << 2);
        const q = load<usize>(operands, Q) + at, dy = load<usize>(operands, DY) + at;
        const k = load<usize>(operands, K) + kAt, v = load<usize>(operands, V) + kAt;
        probabilities(operands, at, kAt, batch, t, rows, from, count, scores, scratch);
        gemm(scores, count, true, dy, qRow, false, load<usize>(operands, DV) + kAt, kRow, count, headDim, rows, 1, true, scratch);
        gemm(dy, qRow, false, v, kRow, true, slopes, count, rows, count, headDim, 1, false, scratch);
        softmaxGrad(scores, slopes, slopes, rows, count);
        gemm(slopes, count, false, k, kRow, false, dq, qRow, rows, headDim, count, scale, false, scratch);
        gemm(slopes, count, true, q, qRow, false, load<usize>(operands, DK) + kAt, kRow, count, headDim, rows, scale, true, scratch);
      }
    }
  }
}

/** The probabilities [rows, count] of queries from `t` on over keys from `from` on, those at byte `at` of q, these at byte `kAt` of k. */
function probabilities(
  operands: usize, at: usize, kAt: usize, batch: u32, t: u32, rows: u32, from: u32, count: u32, scores: usize, scratch: usize,
): void {
  const qRow = load<u32>(operands, HEADS) * load<u32>(operands, HEAD_DIM), kRow = load<u32>(operands, KV_HEADS) * load<u32>(operands, HEAD_DIM);
  const valid: usize = load<usize>(operands, VALID) + (<usize>(batch * load<u32>(operands, KEYS) + from) << 2);
  gemm(
    load<usize>(operands, Q) + at, qRow, false, load<usize>(operands, K) + kAt, kRow, true, scores, count,
    rows, count, load<u32>(operands, HEAD_DIM), load<f32>(operands, SCALE), false, scratch,
  );
  for (let row: u32 = 0; row < rows; row++) {
    const first = firstKey(operands, t + row);
    const line = scores + (<usize>row * count << 2);
    softmaxRow(line, valid, line, first - from, first - from + keysSeen(operands, first, t + row), count);
  }
}

/** The first key that the query of row `t` sees, if it sees one: all before it, or a window of them, itself included. */
// @ts-ignore: decorator
@inline
function firstKey(operands: usize, t: u32): u32 {
  const window = load<i32>(operands, WINDOW);
  return window > 0 ? <u32>max<i32>(0, <i32>t + load<i32>(operands, OFFSET) - window + 1) : 0;
}

/** How many keys from `first` on lie no later than the query of row `t`. */
// @ts-ignore: decorator
@inline
function keysSeen(operands: usize, first: u32, t: u32): u32 {
  const last = min<i32>(load<i32>(operands, KEYS), <i32>t + load<i32>(operands, OFFSET) + 1);
  return <u32>max<i32>(0, last - <i32>first);
}

/** Zeros in `rows` rows of `width` floats, `row` floats apart. */
function clear(to: usize, row: u32, rows: u32, width: u32): void {
  for (let index: u32 = 0; index < rows; index++) {
    memory.fill(to, 0, <usize>width << 2);
    to += <usize>row << 2;
  }
}
