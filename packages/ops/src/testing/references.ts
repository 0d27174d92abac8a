import { sizeOf, valuesOf, type Values } from './values.js';

// Written from the formulas, one scalar at a time and in float64, with no tfjs: independent of what they check.

function at(values: Values, ...indices: readonly number[]): number {
  let flat = 0;
  for (let axis = 0; axis < indices.length; axis++) flat = flat * (values.shape[axis] ?? 1) + (indices[axis] ?? NaN);
  return values.data[flat] ?? NaN;
}

/** `x (mean(x^2) + epsilon)^(-1/2) w` over the last axis. */
export function rmsNormReference(x: Values, weight: (column: number) => number, epsilon: number): Values {
  const width = x.shape[x.shape.length - 1] ?? 1;
  const roots = Array.from({ length: x.data.length / width }, (_, row) => {
    let sum = 0;
    for (let column = 0; column < width; column++) sum += (x.data[row * width + column] ?? NaN) ** 2;
    return Math.sqrt(sum / width + epsilon);
  });
  return valuesOf(x.shape, (index) => ((x.data[index] ?? NaN) / (roots[Math.floor(index / width)] ?? NaN)) * weight(index % width));
}

/** `x [batch, position, head, headDim]` turned; `angle(batch, position, pair)` in radians; `partner` says which element pairs with which. */
export function ropeReference(
  x: Values,
  angle: (batch: number, position: number, pair: number) => number,
  pairing: 'split-half' | 'interleaved' = 'split-half',
): Values {
  const [, length = 1, heads = 1, headDim = 1] = x.shape;
  const half = headDim / 2;
  return valuesOf(x.shape, (index) => {
    const element = index % headDim;
    const head = Math.floor(index / headDim) % heads;
    const position = Math.floor(index / headDim / heads) % length;
    const batch = Math.floor(index / headDim / heads / length);
    const split = pairing === 'split-half';
    const pair = split ? element % half : element >> 1;
    const isFirst = split ? element < half : element % 2 === 0;
    const first = at(x, batch, position, head, split ? pair : 2 * pair);
    const second = at(x, batch, position, head, split ? pair + half : 2 * pair + 1);
    const turn = angle(batch, position, pair);
    return isFirst ? first * Math.cos(turn) - second * Math.sin(turn) : second * Math.cos(turn) + first * Math.sin(turn);
  });
}

/** Options of {@link attentionReference}; shapes as in `causalAttention`. */
export interface AttentionReferenceOptions {
  readonly q: Values;
  readonly k: Values;
  readonly v: Values;
  readonly valid: Values;
  readonly window: number;
  readonly offset: number;
  readonly scale: number;
  /** The kv head that a head reads. */
  readonly kvHeadOf: (head: number) => number;
}

/** Causal attention, one query at a time. */
export function attentionReference({ q, k, v, valid, window, offset, scale, kvHeadOf }: AttentionReferenceOptions): Values {
  const [, queries = 1, heads = 1, headDim = 1] = q.shape;
  const [, keys = 1] = k.shape;
  const result = new Float64Array(q.data.length);
  for (let row = 0; row < q.data.length / headDim; row++) {
    const head = row % heads;
    const query = Math.floor(row / heads) % queries;
    const batch = Math.floor(row / heads / queries);
    const kvHead = kvHeadOf(head);
    const index = query + offset;
    const visible: { key: number; score: number }[] = [];
    for (let key = 0; key < keys; key++) {
      if (key > index || (window !== 0 && key <= index - window) || at(valid, batch, key) !== 1) continue;
      let score = 0;
      for (let element = 0; element < headDim; element++) score += at(q, batch, query, head, element) * at(k, batch, key, kvHead, element);
      visible.push({ key, score: score * scale });
    }
    const highest = visible.reduce((most, { score }) => Math.max(most, score), -Infinity);
    const total = visible.reduce((sum, { score }) => sum + Math.exp(score - highest), 0);
    for (const { key, score } of visible) {
      const probability = Math.exp(score - highest) / total;
      for (let element = 0; element < headDim; element++) {
        result[row * headDim + element] = (result[row * headDim + element] ?? NaN) + probability * at(v, batch, key, kvHead, element);
      }
    }
  }
  return { shape: q.shape, data: result };
}

/** Softmax of `scores [batch, head, query, key]` over the keys that a query sees; zeros where it sees none. */
export function maskedSoftmaxReference(scores: Values, valid: Values, window: number, offset: number): Values {
  const [, heads = 1, queries = 1, keys = 1] = scores.shape;
  const isSeen = (index: number): boolean => {
    const [key, own] = [index % keys, (Math.floor(index / keys) % queries) + offset];
    return key <= own && (window === 0 || key > own - window) && at(valid, Math.floor(index / keys / queries / heads), key) === 1;
  };
  const exponentials = elementwise(scores, (score, index) => (isSeen(index) ? Math.exp(score) : 0)).data;
  return valuesOf(scores.shape, (index) => {
    const start = index - (index % keys);
    const sum = exponentials.subarray(start, start + keys).reduce((total, value) => total + value, 0);
    return sum === 0 ? 0 : (exponentials[index] ?? NaN) / sum;
  });
}

/** GELU in its tanh form. */
export function geluTanh(z: number): number {
  return 0.5 * z * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (z + 0.044715 * z ** 3)));
}

/** GELU with the normal distribution function itself, integrated by Simpson's rule. */
export function geluExact(z: number): number {
  const density = (t: number): number => Math.exp((-t * t) / 2) / Math.sqrt(2 * Math.PI);
  const steps = 200;
  let area = density(0) + density(z);
  for (let step = 1; step < steps; step++) area += (step % 2 === 1 ? 4 : 2) * density((z * step) / steps);
  return z * (0.5 + (area * z) / steps / 3);
}

/** `x [..., in]` times `weight [out, in]` transposed. */
export function linearReference(x: Values, weight: Values): Values {
  const [outs = 1, width = 1] = weight.shape;
  return valuesOf([...x.shape.slice(0, -1), outs], (index) => {
    const row = Math.floor(index / outs);
    let sum = 0;
    for (let column = 0; column < width; column++) sum += (x.data[row * width + column] ?? NaN) * at(weight, index % outs, column);
    return sum;
  });
}

/** The logits of `hidden [row, dModel]` against `table [vocabulary, dModel]`, softcapped unless `softcap` is 0. */
export function softcappedLogitsReference(hidden: Values, table: Values, softcap: number): Values {
  const logits = linearReference(hidden, table);
  return valuesOf(logits.shape, (index) => {
    const logit = logits.data[index] ?? NaN;
    return softcap === 0 ? logit : softcap * Math.tanh(logit / softcap);
  });
}

/** Cross-entropy per row of the softcapped logits. */
export function crossEntropyReference(hidden: Values, table: Values, targets: ArrayLike<number>, softcap: number): Values {
  const logits = softcappedLogitsReference(hidden, table, softcap);
  const [rows = 1, vocabulary = 1] = logits.shape;
  return valuesOf([rows], (row) => {
    const values = logits.data.subarray(row * vocabulary, (row + 1) * vocabulary);
    const highest = values.reduce((most, value) => Math.max(most, value), -Infinity);
    const total = values.reduce((sum, value) => sum + Math.exp(value - highest), 0);
    return highest + Math.log(total) - (values[targets[row] ?? -1] ?? NaN);
  });
}

/** `a [batch or 1, m, k]` (or `[.., k, m]` if transposed) times `b` likewise: `[batch, m, n]`. */
export function matMulReference(a: Values, b: Values, transposeA: boolean, transposeB: boolean): Values {
  const batch = Math.max(a.shape[0] ?? 1, b.shape[0] ?? 1);
  const [m = 1, inner = 1] = transposeA ? [a.shape[2], a.shape[1]] : [a.shape[1], a.shape[2]];
  const n = (transposeB ? b.shape[1] : b.shape[2]) ?? 1;
  return valuesOf([batch, m, n], (index) => {
    const column = index % n;
    const row = Math.floor(index / n) % m;
    const item = Math.floor(index / n / m);
    const itemA = a.shape[0] === 1 ? 0 : item;
    const itemB = b.shape[0] === 1 ? 0 : item;
    let sum = 0;
    for (let step = 0; step < inner; step++) {
      const left = transposeA ? at(a, itemA, step, row) : at(a, itemA, row, step);
      sum += left * (transposeB ? at(b, itemB, column, step) : at(b, itemB, step, column));
    }
    return sum;
  });
}

/** Element by element. */
export function elementwise(first: Values, compute: (value: number, index: number) => number): Values {
  return valuesOf(first.shape, (index) => compute(first.data[index] ?? NaN, index));
}

/** Rows of a table. */
export function rowsReference(table: Values, ids: ArrayLike<number>, shape: readonly number[]): Values {
  const width = table.shape[1] ?? 1;
  return valuesOf([sizeOf(shape), width], (index) => at(table, ids[Math.floor(index / width)] ?? -1, index % width));
}

/** `dropout` for the two numbers that it draws, in whole numbers of any size. */
export function dropoutReference(x: Values, rate: number, [low, high]: readonly [number, number]): Values {
  const bits = (1n << 32n) - 1n;
  const scrambled = (value: bigint): bigint => {
    let hash = value & bits;
    hash = ((hash ^ (hash >> 16n)) * 0x7feb352dn) & bits;
    hash = ((hash ^ (hash >> 15n)) * 0x846ca68bn) & bits;
    return hash ^ (hash >> 16n);
  };
  return valuesOf(x.shape, (index) => {
    const hash = scrambled(scrambled(BigInt(index) + BigInt(low)) + BigInt(high));
    return Number(hash) / 2 ** 32 < rate ? 0 : (x.data[index] ?? NaN) / (1 - rate);
  });
}
