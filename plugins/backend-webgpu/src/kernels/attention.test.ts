import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { noAdapterReason, titled } from '../__fixtures__/adapter-here.js';
import { createWebgpuBackend } from '../index.js';
import { findEngine } from '../webgpu-engine.js';

interface Case {
  readonly batch: number;
  readonly queries: number;
  readonly keys: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly window: number;
  readonly offset: number;
  readonly scale: number;
}

let state = 1;
const next = (): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 8;
const uniform = (count: number, scale = 1): Float32Array => Float32Array.from({ length: count }, () => (next() / 2 ** 23 - 1) * scale);

function operandsOf({ batch, queries, keys, heads, kvHeads, headDim }: Case) {
  // Scores of a few units whatever the width of a head.
  const spread = 2.5 / headDim ** 0.25;
  return {
    q: uniform(batch * queries * heads * headDim, spread),
    k: uniform(batch * keys * kvHeads * headDim, spread),
    v: uniform(batch * keys * kvHeads * headDim),
    dy: uniform(batch * queries * heads * headDim),
    valid: Float32Array.from({ length: batch * keys }, (_, index) => (index % 13 === 4 || index < 3 ? 0 : 1)),
  };
}

/** Attention and its gradients in float64, a query at a time, from their formulas. */
function reference(
  { batch, queries, keys, heads, kvHeads, headDim, window, offset, scale }: Case,
  { q, k, v, dy, valid }: ReturnType<typeof operandsOf>,
  kvHeadOf: (head: number) => number = (head) => Math.floor((head * kvHeads) / heads),
) {
  const result = {
    y: new Float64Array(q.length),
    dq: new Float64Array(q.length),
    dk: new Float64Array(k.length),
    dv: new Float64Array(k.length),
  };
  for (let b = 0; b < batch; b++) {
    for (let query = 0; query < queries; query++) {
      for (let head = 0; head < heads; head++) {
        const at = ((b * queries + query) * heads + head) * headDim;
        const own = query + offset;
        const seen = Array.from({ length: keys }, (_, key) => key).filter(
          (key) => key <= own && (window === 0 || key > own - window) && valid[b * keys + key] === 1,
        );
        const places = seen.map((key) => ((b * keys + key) * kvHeads + kvHeadOf(head)) * headDim);
        const along = (x: Float32Array, from: number, z: Float32Array, to: number): number => {
          let sum = 0;
          for (let i = 0; i < headDim; i++) sum += x[from + i]! * z[to + i]!;
          return sum;
        };
        const scores = places.map((place) => along(q, at, k, place) * scale);
        const highest = Math.max(...scores);
        const exponentials = scores.map((score) => Math.exp(score - highest));
        const total = exponentials.reduce((sum, value) => sum + value, 0);
        const shares = exponentials.map((value) => value / total);
        const slopes = places.map((place) => along(dy, at, v, place));
        const mean = shares.reduce((sum, share, index) => sum + share * slopes[index]!, 0);
        places.forEach((place, index) => {
          const share = shares[index]!;
          const slope = share * (slopes[index]! - mean) * scale;
          for (let i = 0; i < headDim; i++) {
            result.y[at + i]! += share * v[place + i]!;
            result.dq[at + i]! += slope * k[place + i]!;
            result.dk[place + i]! += slope * q[at + i]!;
            result.dv[place + i]! += share * dy[at + i]!;
          }
        });
      }
    }
  }
  return result;
}

/** Largest difference, relative to the largest magnitude expected. */
function worst(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  let [error, scale] = [0, 0];
  for (let index = 0; index < expected.length; index++) {
    const difference = Math.abs((actual[index] ?? NaN) - (expected[index] ?? NaN));
    error = Math.max(error, difference);
    scale = Math.max(scale, Math.abs(expected[index] ?? 0));
  }
  return error / scale;
}

const tensorsOf = ({ batch, queries, keys, heads, kvHeads, headDim }: Case, { q, k, v, dy, valid }: ReturnType<typeof operandsOf>) => ({
  q: tf.tensor4d(q, [batch, queries, heads, headDim]),
  k: tf.tensor4d(k, [batch, keys, kvHeads, headDim]),
  v: tf.tensor4d(v, [batch, keys, kvHeads, headDim]),
  dy: tf.tensor4d(dy, [batch, queries, heads, headDim]),
  valid: tf.tensor2d(valid, [batch, keys]),
});

const run = (name: string, inputs: Record<string, tf.Tensor>, attrs: object): tf.Tensor[] => {
  const result: tf.Tensor | tf.Tensor[] = tf.engine().runKernel(name, inputs, attrs as tf.NamedAttrMap);
  return Array.isArray(result) ? result : [result];
};

const cases: Readonly<Record<string, Case>> = {
  // 518: beyond what a workgroup sums up, and no multiple of 4.
  'several blocks of queries and keys, heads of 518, a window': {
    ...{ batch: 2, queries: 70, keys: 70, heads: 4, kvHeads: 2, headDim: 518, window: 33, offset: 0, scale: 1 },
  },
  'few queries and many keys, heads of 518, a window': {
    ...{ batch: 2, queries: 5, keys: 150, heads: 4, kvHeads: 2, headDim: 518, window: 100, offset: 145, scale: 0.7 },
  },
  'cached keys, heads of 36 that share one kv head': {
    ...{ batch: 1, queries: 40, keys: 110, heads: 3, kvHeads: 1, headDim: 36, window: 0, offset: 70, scale: 0.4 },
  },
};

describe.skipIf(noAdapterReason !== undefined)(titled('attention against doubles'), () => {
  let dispose: () => Promise<void>;
  beforeAll(async () => {
    ({ dispose } = await createWebgpuBackend({ allowSoftware: true }));
  });
  afterAll(() => dispose());

  // A software driver takes seconds to compile a pass, of which a case has five.
  it.each(Object.entries(cases))('%s', { timeout: 240_000 }, async (_, problem) => {
    const { window, offset, scale, kvHeads } = problem;
    const operands = operandsOf(problem);
    const expected = reference(problem, operands);
    const { dy, ...tensors } = tensorsOf(problem, operands);
    const before = tf.memory().numTensors;
    const [y] = run('NlaAttention', tensors, { window, offset, scale });
    const gradients = run('NlaAttentionGrad', { ...tensors, dy }, { window, offset, scale });
    expect(tf.memory().numTensors).toBe(before + 4);
    const actual = await Promise.all([y!, ...gradients].map((tensor) => tensor.data()));
    tf.dispose([y!, ...gradients, dy, Object.values(tensors)]);
    const errors = (truth: typeof expected): number[] =>
      [truth.y, truth.dq, truth.dk, truth.dv].map((values, index) => worst(actual[index]!, values));
    for (const error of errors(expected)) expect(error).toBeLessThan(5e-6);

    const wrong: Readonly<Record<string, typeof expected>> = {
      'a key too late': reference({ ...problem, offset: offset - 1 }, operands),
      'no scale': reference({ ...problem, scale: scale * 1.1 }, operands),
      'padding seen': reference(problem, { ...operands, valid: operands.valid.map(() => 1) }),
      ...(window === 0 ? {} : { 'a wider window': reference({ ...problem, window: window + 1 }, operands) }),
      ...(kvHeads === 1 ? {} : { 'heads dealt in turn': reference(problem, operands, (head) => head % kvHeads) }),
    };
    for (const [mistake, truth] of Object.entries(wrong)) expect(Math.max(...errors(truth)), mistake).toBeGreaterThan(1e-3);
  });

  it('holds no scores', { timeout: 240_000 }, async () => {
    const problem: Case = { batch: 1, queries: 700, keys: 700, heads: 4, kvHeads: 1, headDim: 36, window: 0, offset: 0, scale: 1 };
    const operands = tensorsOf(problem, operandsOf(problem));
    const { account } = findEngine(tf.backend())!;
    await Promise.all(Object.values(operands).map((tensor) => tf.tidy(() => tf.sum(tensor)).data()));
    account.trim(0);
    const before = account.peakBytes;
    const held = account.allocatedBytes;
    const { dy, ...forward } = operands;
    const attrs = { window: 0, offset: 0, scale: 1 };
    const results = [...run('NlaAttention', forward, attrs), ...run('NlaAttentionGrad', { ...forward, dy }, attrs)];
    await results[3]!.data();
    const scores = 4 * 700 * 700 * 4;
    expect(Math.max(account.peakBytes - before, account.allocatedBytes - held)).toBeLessThan(scores / 2);
    tf.dispose([results, Object.values(operands)]);
  });

  it('does not hide what is not a number', async () => {
    const problem: Case = { batch: 1, queries: 12, keys: 12, heads: 1, kvHeads: 1, headDim: 36, window: 0, offset: 0, scale: 1 };
    const operands = operandsOf(problem);
    operands.q[5 * 36] = NaN;
    const { dy, ...tensors } = tensorsOf(problem, operands);
    const [y] = run('NlaAttention', tensors, { window: 0, offset: 0, scale: 1 });
    const values = await y!.data();
    expect(Number.isNaN(values[5 * 36 + 7])).toBe(true);
    expect(Number.isNaN(values[6 * 36 + 7])).toBe(false);
    tf.dispose([y!, dy, Object.values(tensors)]);
  });

  it('is zero where there are no keys, and refuses shapes that do not belong together', async () => {
    const [q, k, valid] = [tf.ones([1, 3, 2, 4]), tf.zeros([1, 0, 1, 4]), tf.zeros([1, 0])];
    const attrs = { window: 0, offset: 0, scale: 1 };
    const results = [...run('NlaAttention', { q, k, v: k, valid }, attrs), ...run('NlaAttentionGrad', { q, k, v: k, valid, dy: q }, attrs)];
    expect(results.map(({ shape }) => shape)).toEqual([q, q, k, k].map(({ shape }) => shape));
    expect(Array.from(await results[1]!.data())).toEqual(Array(24).fill(0));
    const wide = tf.ones([1, 3, 2, 5]);
    expect(() => run('NlaAttention', { q, k: wide, v: wide, valid: tf.ones([1, 3]) }, attrs)).toThrow(/shapes do not belong together/);
    expect(() => run('NlaAttentionGrad', { q, k: q, v: q, valid: tf.ones([1, 3]), dy: wide }, attrs)).toThrow(/shapes do not belong/);
    tf.dispose([results, q, k, valid, wide]);
  });
});
