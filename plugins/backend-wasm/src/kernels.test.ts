import '@nlakit/ops';
import * as tf from '@tensorflow/tfjs-core';
import { isNlaError } from '@nlakit/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { createWasmBackend, supportsRelaxedSimd } from './index.js';

let state = 1;
/** A whole number in [low, high]. */
const whole = (low: number, high: number): number => low + (next() % (high - low + 1));
const next = (): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 8;
const uniform = (count: number, scale = 1): Float32Array => Float32Array.from({ length: count }, () => (next() / 2 ** 23 - 1) * scale);
const sizeOf = (shape: readonly number[]): number => shape.reduce((product, dimension) => product * dimension, 1);

type Inputs = Record<string, tf.Tensor>;
const run = (name: string, inputs: Inputs, attrs: object = {}): tf.Tensor[] => {
  const result = tf.engine().runKernel(name, inputs, attrs as tf.NamedAttrMap);
  return Array.isArray(result) ? result : [result];
};

const copies = (inputs: Inputs): Inputs => Object.fromEntries(Object.entries(inputs).map(([name, tensor]) => [name, tf.clone(tensor)]));

/** Runs a kernel and compares with doubles: the largest error relative to 1 or the value, whichever is larger. */
function compare(
  name: string,
  inputs: Inputs,
  attrs: object,
  truth: readonly (readonly number[] | Float64Array)[],
  tolerance: number,
): void {
  const before = tf.memory().numTensors;
  const outputs = run(name, inputs, attrs);
  expect(outputs.length).toBe(truth.length);
  outputs.forEach((output, which) => {
    const values = output.dataSync();
    const expected = truth[which] ?? [];
    expect(values.length).toBe(expected.length);
    let worst = 0;
    for (let index = 0; index < values.length; index++) {
      const error = Math.abs((values[index] ?? NaN) - (expected[index] ?? NaN)) / Math.max(1, Math.abs(expected[index] ?? NaN));
      // One that is no number stays: nothing is larger.
      if (error > worst || Number.isNaN(error)) worst = error;
    }
    expect(worst, `${name} output ${which}`).toBeLessThan(tolerance);
  });
  tf.dispose(outputs);
  expect(tf.memory().numTensors).toBe(before);
  tf.dispose(inputs);
}

describe.each([
  { build: 'off' as const, runs: true },
  { build: 'auto' as const, runs: supportsRelaxedSimd() },
])('kernels against doubles, relaxedSimd $build', ({ build, runs }) => {
  beforeAll(async () => {
    if (runs) await createWasmBackend({ relaxedSimd: build });
  });
  const test = (name: string, body: () => void): void => {
    it.skipIf(!runs)(runs ? name : `${name} (skipped: this JavaScript engine has no relaxed SIMD)`, body);
  };

  test('exp and tanh: relative error and special values', () => {
    const inputs = [...uniform(5003, 88), ...uniform(5000, 3), ...uniform(3000, 1e-3)];
    for (const [compute, truth, limit] of [
      [tf.exp, Math.exp, 2.4e-7],
      [tf.tanh, Math.tanh, 2.4e-7],
    ] as const) {
      const values = tf.tidy(() => compute(tf.tensor1d(inputs)).dataSync());
      let worst = 0;
      inputs.forEach((x, index) => {
        worst = Math.max(worst, Math.abs((values[index] ?? NaN) - truth(x)) / Math.abs(truth(x)));
      });
      expect(worst).toBeLessThan(limit);
    }
    const special = [Infinity, -Infinity, NaN, 0, -0, 89, -105, -100, 1e30, -1e30, 88.72];
    tf.tidy(() => {
      expect(Array.from(tf.exp(tf.tensor1d(special)).dataSync()).slice(0, 7)).toEqual([Infinity, 0, NaN, 1, 1, Infinity, 0]);
      const denormal = tf.exp(tf.tensor1d(special)).dataSync()[7] ?? 0;
      expect(Math.abs(denormal - Math.exp(-100))).toBeLessThan(2e-45);
      expect(Math.abs((tf.exp(tf.tensor1d(special)).dataSync()[10] ?? 0) / Math.exp(Math.fround(88.72)) - 1)).toBeLessThan(2.4e-7);
      expect(Array.from(tf.tanh(tf.tensor1d(special)).dataSync()).slice(0, 5)).toEqual([1, -1, NaN, 0, -0]);
    });
  });

  test('rms norm and its gradient', () => {
    for (let round = 0; round < 40; round++) {
      const [rows, width] = [whole(1, 9), whole(1, 70)];
      const [x, w, dy] = [uniform(rows * width, 3), uniform(width, 2), uniform(rows * width)];
      const weighted = round % 2 === 0;
      const y = new Float64Array(rows * width);
      const dx = new Float64Array(rows * width);
      for (let row = 0; row < rows; row++) {
        const at = (i: number) => x[row * width + i] ?? 0;
        const g = (i: number) => (dy[row * width + i] ?? 0) * (weighted ? (w[i] ?? 0) : 1);
        let squares = 0;
        let along = 0;
        for (let i = 0; i < width; i++) {
          squares += at(i) ** 2;
          along += g(i) * at(i);
        }
        const r = (squares / width + 1e-3) ** -0.5;
        for (let i = 0; i < width; i++) {
          y[row * width + i] = at(i) * r * (weighted ? (w[i] ?? 0) : 1);
          dx[row * width + i] = r * g(i) - (at(i) * r ** 3 * along) / width;
        }
      }
      const inputs = () => ({ x: tf.tensor2d(x, [rows, width]), ...(weighted ? { weight: tf.tensor1d(w) } : {}) });
      compare('NlaRmsNorm', inputs(), { epsilon: 1e-3 }, [y], 2e-6);
      compare('NlaRmsNormGrad', { ...inputs(), dy: tf.tensor2d(dy, [rows, width]) }, { epsilon: 1e-3 }, [dx], 4e-5);
    }
  });

  test('masked softmax and its gradient', () => {
    for (let round = 0; round < 60; round++) {
      const [batch, heads, queries, keys] = [whole(1, 3), whole(1, 3), whole(1, 12), whole(1, 23)];
      const [window, offset] = [round % 3 === 0 ? 0 : whole(1, 9), whole(0, 6)];
      const scores = uniform(batch * heads * queries * keys, round % 5 === 0 ? 300 : 4);
      const valid = Float32Array.from({ length: batch * keys }, () => (whole(0, 4) === 0 ? 0 : 1));
      const dy = uniform(scores.length);
      const y = new Float64Array(scores.length);
      const dx = new Float64Array(scores.length);
      for (let b = 0; b < batch; b++) {
        for (let h = 0; h < heads; h++) {
          for (let t = 0; t < queries; t++) {
            const start = ((b * heads + h) * queries + t) * keys;
            const seen = Array.from({ length: keys }, (_, s) => s).filter(
              (s) => s <= t + offset && (window === 0 || s > t + offset - window) && valid[b * keys + s] === 1,
            );
            const highest = Math.max(...seen.map((s) => scores[start + s] ?? 0));
            const sum = seen.reduce((total, s) => total + Math.exp((scores[start + s] ?? 0) - highest), 0);
            for (const s of seen) y[start + s] = Math.exp((scores[start + s] ?? 0) - highest) / sum;
            const along = seen.reduce((total, s) => total + (y[start + s] ?? 0) * (dy[start + s] ?? 0), 0);
            for (const s of seen) dx[start + s] = (y[start + s] ?? 0) * ((dy[start + s] ?? 0) - along);
          }
        }
      }
      const shape: [number, number, number, number] = [batch, heads, queries, keys];
      compare(
        'NlaMaskedSoftmax',
        { scores: tf.tensor4d(scores, shape), valid: tf.tensor2d(valid, [batch, keys]) },
        { window, offset },
        [y],
        1e-6,
      );
      compare('NlaSoftmaxGrad', { y: tf.tensor4d(Float32Array.from(y), shape), dy: tf.tensor4d(dy, shape) }, {}, [dx], 1e-6);
    }
  });

  // More queries than stand in memory together, cut off by causality, window and padding, in groups of heads.
  test('attention and its gradients, and not those of a window one wider', () => {
    for (let round = 0; round < 24; round++) {
      const [batch, kvHeads, group, headDim] = [whole(1, 2), whole(1, 3), whole(1, 3), whole(1, 21)];
      const heads = kvHeads * group;
      const queries = round % 4 === 0 ? 1 : whole(1, 75);
      const offset = round % 3 === 0 ? whole(1, 40) : 0;
      const keys = queries + offset;
      const window = round % 2 === 0 ? 0 : whole(1, 40);
      const scale = round % 5 === 0 ? 1 : 0.3;
      const qShape: [number, number, number, number] = [batch, queries, heads, headDim];
      const kShape: [number, number, number, number] = [batch, keys, kvHeads, headDim];
      const [q, k, v, dy] = [qShape, kShape, kShape, qShape].map((shape) => uniform(sizeOf(shape), 1.5)) as [
        Float32Array,
        Float32Array,
        Float32Array,
        Float32Array,
      ];
      const valid = Float32Array.from({ length: batch * keys }, (_, index) => (index % keys < whole(0, 9) - 5 ? 0 : 1));
      const truth = (seen: number) => {
        const [y, dq, dk, dv] = [q, q, k, k].map(({ length }) => new Float64Array(length)) as [
          Float64Array,
          Float64Array,
          Float64Array,
          Float64Array,
        ];
        for (let b = 0; b < batch; b++) {
          for (let h = 0; h < heads; h++) {
            for (let t = 0; t < queries; t++) {
              const at = ((b * queries + t) * heads + h) * headDim;
              const keyAt = (s: number) => ((b * keys + s) * kvHeads + Math.floor(h / group)) * headDim;
              const dot = (x: Float32Array, i: number, z: Float32Array, j: number) => {
                let sum = 0;
                for (let d = 0; d < headDim; d++) sum += (x[i + d] ?? NaN) * (z[j + d] ?? NaN);
                return sum;
              };
              const list = Array.from({ length: keys }, (_, s) => s).filter(
                (s) => s <= t + offset && (seen === 0 || s > t + offset - seen) && valid[b * keys + s] === 1,
              );
              const scores = list.map((s) => scale * dot(q, at, k, keyAt(s)));
              const highest = Math.max(...scores);
              const sum = scores.reduce((total, score) => total + Math.exp(score - highest), 0);
              const p = scores.map((score) => Math.exp(score - highest) / sum);
              const slopes = list.map((s) => dot(dy, at, v, keyAt(s)));
              const mean = slopes.reduce((total, slope, index) => total + slope * (p[index] ?? NaN), 0);
              list.forEach((s, index) => {
                const [weight, from] = [p[index] ?? NaN, keyAt(s)];
                const dScore = weight * ((slopes[index] ?? NaN) - mean) * scale;
                for (let d = 0; d < headDim; d++) {
                  y[at + d] = (y[at + d] ?? NaN) + weight * (v[from + d] ?? NaN);
                  dq[at + d] = (dq[at + d] ?? NaN) + dScore * (k[from + d] ?? NaN);
                  dk[from + d] = (dk[from + d] ?? NaN) + dScore * (q[at + d] ?? NaN);
                  dv[from + d] = (dv[from + d] ?? NaN) + weight * (dy[at + d] ?? NaN);
                }
              });
            }
          }
        }
        return { y, gradients: [dq, dk, dv] };
      };
      const inputs = () => ({
        q: tf.tensor4d(q, qShape),
        k: tf.tensor4d(k, kShape),
        v: tf.tensor4d(v, kShape),
        valid: tf.tensor2d(valid, [batch, keys]),
      });
      const attrs = { window, offset, scale };
      const { y, gradients } = truth(window);
      compare('NlaAttention', inputs(), attrs, [y], 1e-5);
      compare('NlaAttentionGrad', { ...inputs(), dy: tf.tensor4d(dy, qShape) }, attrs, gradients, 2e-5);
      if (window === 0 || window >= keys || queries < 40) continue;
      const wider = truth(window + 1);
      expect(() => compare('NlaAttention', inputs(), attrs, [wider.y], 1e-4)).toThrow();
      expect(() => compare('NlaAttentionGrad', { ...inputs(), dy: tf.tensor4d(dy, qShape) }, attrs, wider.gradients, 1e-4)).toThrow();
    }
  });

  test('LoRA and its gradients', () => {
    for (let round = 0; round < 30; round++) {
      const [rows, inn, rank, out] = [whole(1, 60), whole(1, 40), whole(1, 20), whole(1, 40)];
      const scale = whole(-3, 3) / 2;
      const [x, base, a, b, dy] = [rows * inn, rows * out, rank * inn, out * rank, rows * out].map((count) => uniform(count)) as [
        Float32Array,
        Float32Array,
        Float32Array,
        Float32Array,
        Float32Array,
      ];
      /** Sums over k of left(i, k) right(k, j). */
      const product = (m: number, n: number, k: number, left: (i: number, k: number) => number, right: (k: number, j: number) => number) =>
        Float64Array.from({ length: m * n }, (_, index) => {
          let sum = 0;
          for (let q = 0; q < k; q++) sum += left(Math.floor(index / n), q) * right(q, index % n);
          return sum;
        });
      const of = (array: ArrayLike<number>, width: number) => (i: number, j: number) => array[i * width + j] ?? NaN;
      const turned = (array: ArrayLike<number>, width: number) => (i: number, j: number) => array[j * width + i] ?? NaN;
      const low = product(rows, rank, inn, of(x, inn), turned(a, inn));
      const y = product(rows, out, rank, of(low, rank), turned(b, rank)).map((value, index) => (base[index] ?? NaN) + scale * value);
      const dLow = product(rows, rank, out, of(dy, out), of(b, rank)).map((value) => value * scale);
      const pair = () => ({ x: tf.tensor2d(x, [rows, inn]), a: tf.tensor2d(a, [rank, inn]), b: tf.tensor2d(b, [out, rank]) });
      compare('NlaLora', { ...pair(), base: tf.tensor2d(base, [rows, out]) }, { scale }, [y, low], 1e-5);
      compare(
        'NlaLoraPairGrad',
        { x: pair().x, b: pair().b, low: tf.tensor2d(Float32Array.from(low), [rows, rank]), dy: tf.tensor2d(dy, [rows, out]) },
        { scale },
        [
          product(rank, inn, rows, turned(dLow, rank), of(x, inn)),
          product(out, rank, rows, turned(dy, out), of(low, rank)).map((value) => value * scale),
          dLow,
        ],
        2e-5,
      );
    }
  });

  test('norm and rope at once are those one after the other, forward and back', () => {
    for (let round = 0; round < 40; round++) {
      const [batch, positions, heads, half] = [whole(1, 3), whole(1, 6), whole(1, 4), whole(1, 19)];
      const tables = round % 2 === 0 ? 1 : batch;
      const shape = [batch, positions, heads, half * 2];
      const angles = uniform(tables * positions * half, 3);
      tf.tidy(() => {
        const x = tf.tensor(uniform(sizeOf(shape), 2), [batch * positions, heads * half * 2]);
        const dy = tf.tensor(uniform(sizeOf(shape)), shape);
        const weight = tf.tensor1d(uniform(half * 2, 2));
        const [cos, sin] = [Math.cos, Math.sin].map((f) => tf.tensor3d(angles.map(f), [tables, positions, half])) as [tf.Tensor, tf.Tensor];
        const one = (name: string, inputs: Inputs, attrs: object): tf.Tensor => run(name, inputs, attrs)[0] as tf.Tensor;
        const epsilon = 1e-3;
        const turned = one(
          'NlaRope',
          { x: one('NlaRmsNorm', { x: tf.reshape(x, shape), weight }, { epsilon }), cos, sin },
          { inverse: false },
        );
        const back = one('NlaRope', { x: dy, cos, sin }, { inverse: true });
        const gradient = one('NlaRmsNormGrad', { x: tf.reshape(x, shape), weight, dy: back }, { epsilon });
        compare('NlaNormRope', copies({ x, weight, cos, sin }), { epsilon }, [Float64Array.from(turned.dataSync())], 1e-6);
        compare('NlaNormRopeGrad', copies({ x, weight, cos, sin, dy }), { epsilon }, [Float64Array.from(gradient.dataSync())], 2e-5);
      });
    }
  });

  test('rope, both ways', () => {
    for (let round = 0; round < 30; round++) {
      const [batch, positions, heads, half] = [whole(1, 3), whole(1, 6), whole(1, 4), whole(1, 19)];
      const tables = round % 2 === 0 ? 1 : batch;
      const inverse = round % 3 === 0;
      const x = uniform(batch * positions * heads * half * 2);
      const angles = uniform(tables * positions * half, 3);
      const cos = angles.map(Math.cos);
      const sin = angles.map(Math.sin);
      const y = new Float64Array(x.length);
      for (let b = 0; b < batch; b++) {
        for (let t = 0; t < positions; t++) {
          for (let h = 0; h < heads; h++) {
            for (let i = 0; i < half; i++) {
              const table = ((tables === 1 ? 0 : b) * positions + t) * half + i;
              const [c, s] = [cos[table] ?? 0, (sin[table] ?? 0) * (inverse ? -1 : 1)];
              const at = ((b * positions + t) * heads + h) * half * 2 + i;
              y[at] = (x[at] ?? 0) * c - (x[at + half] ?? 0) * s;
              y[at + half] = (x[at + half] ?? 0) * c + (x[at] ?? 0) * s;
            }
          }
        }
      }
      compare(
        'NlaRope',
        {
          x: tf.tensor4d(x, [batch, positions, heads, half * 2]),
          cos: tf.tensor3d(cos, [tables, positions, half]),
          sin: tf.tensor3d(sin, [tables, positions, half]),
        },
        { inverse },
        [y],
        1e-6,
      );
    }
  });

  test('geglu and its gradients', () => {
    for (const [count, scale] of [
      [1, 1],
      [2, 3],
      [3, 20],
      [7, 5],
      [1001, 6],
      [400, 60],
    ] as const) {
      const [gate, up, dy] = [uniform(count, scale), uniform(count, 2), uniform(count)];
      const c = Math.sqrt(2 / Math.PI);
      const y: number[] = [];
      const dgate: number[] = [];
      const dup: number[] = [];
      gate.forEach((g, index) => {
        const t = Math.tanh(c * (g + 0.044715 * g ** 3));
        const gelu = 0.5 * g * (1 + t);
        const [u, d] = [up[index] ?? 0, dy[index] ?? 0];
        y.push(gelu * u);
        dup.push(gelu * d);
        dgate.push(d * u * (0.5 * (1 + t) + 0.5 * g * (1 - t * t) * c * (1 + 3 * 0.044715 * g * g)));
      });
      const inputs = () => ({ gate: tf.tensor1d(gate), up: tf.tensor1d(up) });
      compare('NlaGeglu', inputs(), {}, [y], 1e-6);
      compare('NlaGegluGrad', { ...inputs(), dy: tf.tensor1d(dy) }, {}, [dgate, dup], 2e-6);
    }
  });

  test('softcapped log-sum-exp and the gradient of the cross-entropy', () => {
    for (let round = 0; round < 40; round++) {
      const [rows, width] = [whole(1, 6), whole(1, 60)];
      const softcap = [0, 30, 2][round % 3] ?? 0;
      const logits = uniform(rows * width, [1, 15, 80][whole(0, 2)] ?? 1);
      const targets = Int32Array.from({ length: rows }, () => whole(-3, width + 3));
      const dy = uniform(rows);
      const lse = new Float64Array(rows);
      const wholeLse = new Float32Array(rows);
      const gradient = new Float64Array(rows * width);
      for (let row = 0; row < rows; row++) {
        const line = Array.from(logits.subarray(row * width, (row + 1) * width));
        const tangent = line.map((x) => (softcap === 0 ? 0 : Math.tanh(x / softcap)));
        const capped = line.map((x, i) => (softcap === 0 ? x : softcap * (tangent[i] ?? 0)));
        const highest = Math.max(...capped);
        lse[row] = highest + Math.log(capped.reduce((sum, x) => sum + Math.exp(x - highest), 0));
        // As if another chunk held more of the vocabulary.
        wholeLse[row] = (lse[row] ?? 0) + 0.5;
        capped.forEach((x, i) => {
          const hit = targets[row] === i ? 1 : 0;
          gradient[row * width + i] = (dy[row] ?? 0) * (Math.exp(x - (wholeLse[row] ?? 0)) - hit) * (1 - (tangent[i] ?? 0) ** 2);
        });
      }
      compare('NlaSoftcapLogSumExp', { logits: tf.tensor2d(logits, [rows, width]) }, { softcap }, [lse], 2e-6);
      compare(
        'NlaSoftcapCrossEntropyGrad',
        {
          logits: tf.tensor2d(logits, [rows, width]),
          targets: tf.tensor1d(targets, 'int32'),
          lse: tf.tensor1d(wholeLse),
          dy: tf.tensor1d(dy),
        },
        { softcap },
        [gradient],
        2e-5,
      );
    }
  });

  test('NF4, every code, padded and cut short', () => {
    const bits =
      'bf800000 bf3239b1 bf066b30 beca32a0 be91a24d be3d353f bdba7871 00000000 3da2faff 3e24cae3 3e7c04dd 3ead033a 3ee1a4b8 3f1007ab 3f3913b3 3f800000';
    const book = new Float32Array(Uint32Array.from(bits.split(' ').map((hex) => Number.parseInt(hex, 16))).buffer);
    for (const [out, inn, blockSize] of [
      [1, 16, 64],
      [1, 1, 64],
      [3, 21, 64],
      [5, 64, 32],
      [7, 33, 128],
      [64, 96, 256],
    ] as const) {
      const padded = Math.ceil((out * inn) / 64) * 64;
      const bytes = Uint8Array.from({ length: padded / 2 }, (_, index) => (index < 256 ? index : next() & 255));
      const absmax = uniform(Math.ceil(padded / blockSize), 2);
      const truth = Array.from({ length: out * inn }, (_, index) => {
        const byte = bytes[index >> 1] ?? 0;
        return Math.fround((book[index % 2 === 0 ? byte >> 4 : byte & 15] ?? 0) * (absmax[Math.floor(index / blockSize)] ?? 0));
      });
      const [result] = run(
        'NlaNf4Unpack',
        { codes: tf.tensor1d(new Int32Array(bytes.buffer), 'int32'), absmax: tf.tensor1d(absmax) },
        { blockSize, shape: [out, inn] },
      );
      expect(Array.from(result?.dataSync() ?? [])).toEqual(truth);
      for (const dtype of ['bfloat16', 'float16']) {
        const inputs = { codes: tf.tensor1d(new Int32Array(bytes.buffer), 'int32'), absmax: tf.tensor1d(absmax) };
        const [half] = run('NlaNf4UnpackHalf', inputs, { blockSize, shape: [out, inn], dtype });
        const [rounded] = run('NlaRoundHalf', { x: tf.tensor1d(truth) }, { dtype });
        expect(half?.shape).toEqual([out, inn]);
        expect(Array.from(half?.dataSync() ?? [])).toEqual(Array.from(rounded?.dataSync() ?? []));
      }
    }
  });

  test('unpacks blocks whose absmax is out of the ordinary, rounded as all are', () => {
    // The last but one is a NaN that rounding would carry over into a zero.
    const absmax = new Float32Array(Uint32Array.of(0x7f800000, 0xff800000, 1, 0x7f7fffff, 0x80000000, 0x7fffffff, 0x3f7f8000).buffer);
    const bytes = Uint8Array.from({ length: absmax.length * 32 }, (_, index) => (index * 37) & 255);
    const inputs = () => ({ codes: tf.tensor1d(new Int32Array(bytes.buffer), 'int32'), absmax: tf.tensor1d(absmax) });
    const attrs = { blockSize: 64, shape: [absmax.length, 64] };
    for (const dtype of ['bfloat16', 'float16']) {
      const [whole] = run('NlaNf4Unpack', inputs(), attrs);
      const [rounded] = run('NlaRoundHalf', { x: whole as tf.Tensor }, { dtype });
      const [half] = run('NlaNf4UnpackHalf', inputs(), { ...attrs, dtype });
      const values = Array.from(half?.dataSync() ?? []);
      expect(values).toEqual(Array.from(rounded?.dataSync() ?? []));
      expect(values.slice(5 * 64, 6 * 64).every(Number.isNaN)).toBe(true);
    }
  });

  test('rounds to bfloat16 and half precision, ties to even', () => {
    const bits = new Uint32Array([
      ...Array.from({ length: 20_001 }, () => (next() << 8) ^ next()),
      0x80000000,
      0x7f800000,
      0xff800000,
      0x7f7fffff,
    ]);
    const x = new Float32Array(bits.buffer);
    // Every distance to a neighbour, ties among them: the step of a format with p bits of fraction and least exponent e.
    const rounded = (value: number, fraction: number, least: number, limit: number): number => {
      if (!Number.isFinite(value) || value === 0) return value;
      const step = 2 ** (Math.max(Math.floor(Math.log2(Math.abs(value))), least) - fraction);
      const below = Math.floor(value / step);
      const rest = value / step - below;
      const near = rest > 0.5 || (rest === 0.5 && below % 2 !== 0) ? below + 1 : below;
      const result = near * step;
      return Math.abs(result) >= limit ? Math.sign(value) * Infinity : result;
    };
    const ties = Array.from({ length: 64 }, (_, index) => [
      1 + (2 * index + 1) * 2 ** -11,
      (2 * index + 1) * 2 ** -25,
      1 + (2 * index + 1) * 2 ** -8,
    ]);
    const inputs = Float32Array.from([
      ...x,
      ...ties.flat(),
      ...ties.flat().map((value) => -value),
      65519.99,
      65520,
      65504,
      5.9e-8,
      2 ** -25,
    ]);
    for (const [dtype, fraction, least, limit] of [
      ['bfloat16', 7, -126, 2 ** 128],
      ['float16', 10, -14, 65536],
    ] as const) {
      const [result] = run('NlaRoundHalf', { x: tf.tensor1d(inputs) }, { dtype });
      const values = result?.dataSync() ?? [];
      let wrong = 0;
      inputs.forEach((value, index) => {
        const expected = rounded(value, fraction, least, limit);
        const got = values[index] ?? 0;
        if (!(got === expected || (Number.isNaN(got) && Number.isNaN(expected)))) wrong++;
      });
      expect(wrong, dtype).toBe(0);
    }
  });

  test('slice, split, concat, gather, tile and transpose move the right elements, of every dtype', () => {
    for (let round = 0; round < 150; round++) {
      const shape = Array.from({ length: whole(1, 5) }, () => whole(1, round % 7 === 0 ? 9 : 5));
      const dtype = (['float32', 'int32', 'bool'] as const)[whole(0, 2)] ?? 'float32';
      const values = Array.from({ length: sizeOf(shape) }, () => (dtype === 'bool' ? whole(0, 1) : whole(-50, 50)));
      const strides = shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
      const at = (place: readonly number[]) => values[place.reduce((sum, i, axis) => sum + i * (strides[axis] ?? 0), 0)] ?? NaN;
      const fill = (result: readonly number[], from: (place: number[]) => number) =>
        Array.from({ length: sizeOf(result) }, (_, index) =>
          from(result.map((dimension, axis) => Math.floor(index / sizeOf(result.slice(axis + 1))) % dimension)),
        );
      const axis = whole(0, shape.length - 1);
      tf.tidy(() => {
        const x = tf.tensor(values, shape, dtype);
        const start = shape.map((dimension) => whole(0, dimension - 1));
        const size = shape.map((dimension, i) => (whole(0, 2) === 0 ? dimension - (start[i] ?? 0) : whole(0, dimension - (start[i] ?? 0))));
        expect(Array.from(tf.slice(x, start, size).dataSync())).toEqual(
          fill(size, (place) => at(place.map((i, d) => i + (start[d] ?? 0)))),
        );

        const first = whole(0, shape[axis] ?? 1);
        const parts = tf.split(x, [first, (shape[axis] ?? 1) - first], axis);
        expect(Array.from(parts[1]?.dataSync() ?? [])).toEqual(
          fill(parts[1]?.shape ?? [], (place) => at(place.map((i, d) => (d === axis ? i + first : i)))),
        );
        const joined = tf.concat([...parts, x], axis);
        expect(joined.dtype).toBe(dtype);
        expect(Array.from(joined.dataSync())).toEqual(
          fill(joined.shape, (place) => at(place.map((i, d) => (d === axis ? i % (shape[axis] ?? 1) : i)))),
        );

        const ids = Array.from({ length: whole(1, 6) }, () => whole(0, (shape[axis] ?? 1) - 1));
        const gathered = tf.gather(x, tf.tensor1d(ids, 'int32'), axis);
        expect(Array.from(gathered.dataSync())).toEqual(
          fill(gathered.shape, (place) => at(place.map((i, d) => (d === axis ? (ids[i] ?? 0) : i)))),
        );

        const repeats = shape.map((_, d) => (d === axis || round % 10 === 0 ? whole(1, 3) : 1));
        const tiled = tf.tile(x, repeats);
        expect(Array.from(tiled.dataSync())).toEqual(fill(tiled.shape, (place) => at(place.map((i, d) => i % (shape[d] ?? 1)))));

        const permutation = shape.map((_, d) => d).sort(() => whole(0, 1) - 0.5);
        const moved = tf.transpose(x, permutation);
        expect(Array.from(moved.dataSync()), `[${shape}] by [${permutation}]`).toEqual(
          fill(moved.shape, (place) => at(shape.map((_, d) => place[permutation.indexOf(d)] ?? 0))),
        );
      });
    }
  });

  test('transposes heads and positions', () => {
    const x = uniform(3 * 5 * 4 * 8);
    tf.tidy(() => {
      const y = tf.transpose(tf.tensor4d(x, [3, 5, 4, 8]), [0, 2, 1, 3]).dataSync();
      for (let b = 0; b < 3; b++)
        for (let t = 0; t < 5; t++)
          for (let h = 0; h < 4; h++)
            for (let i = 0; i < 8; i++) expect(y[((b * 4 + h) * 5 + t) * 8 + i]).toBe(x[((b * 5 + t) * 4 + h) * 8 + i]);
    });
  });

  test('a gather outside the table is an error', () => {
    const table = tf.zeros([4, 2]);
    let thrown: unknown;
    try {
      tf.gather(table, tf.tensor1d([0, 4], 'int32'));
    } catch (error) {
      thrown = error;
    }
    expect(isNlaError(thrown) && thrown.code).toBe('E_GATHER_INDEX');
  });

  test('unsorted segment sum, and the gradient of gather through it', () => {
    tf.tidy(() => {
      const x = tf.tensor2d([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15], [5, 3]);
      const sums = tf.unsortedSegmentSum(x, tf.tensor1d([2, 0, 2, -1, 9], 'int32'), 4);
      expect(sums.arraySync()).toEqual([
        [4, 5, 6],
        [0, 0, 0],
        [8, 10, 12],
        [0, 0, 0],
      ]);
      const gradient = tf.grad((table) => tf.sum(tf.square(tf.gather(table, tf.tensor1d([1, 1, 3], 'int32')))))(x);
      expect(Array.from(gradient.dataSync())).toEqual([0, 0, 0, 16, 20, 24, 0, 0, 0, 20, 22, 24, 0, 0, 0]);
    });
  });

  test('refuses inputs whose shapes do not belong together', () => {
    const wrong: [string, Inputs, object, string][] = [
      ['NlaRmsNorm', { x: tf.zeros([2, 4]), weight: tf.zeros([3]) }, { epsilon: 1 }, 'E_KERNEL_SHAPE'],
      ['NlaGeglu', { gate: tf.zeros([4]), up: tf.zeros([3]) }, {}, 'E_KERNEL_SHAPE'],
      ['NlaGeglu', { gate: tf.zeros([4], 'int32'), up: tf.zeros([4]) }, {}, 'E_KERNEL_INPUT'],
      ['NlaMaskedSoftmax', { scores: tf.zeros([1, 1, 2, 3]), valid: tf.zeros([1, 2]) }, { window: 0, offset: 0 }, 'E_KERNEL_SHAPE'],
      ['NlaNf4Unpack', { codes: tf.zeros([4], 'int32'), absmax: tf.zeros([1]) }, { blockSize: 64, shape: [8, 8] }, 'E_KERNEL_SHAPE'],
      [
        'NlaNf4UnpackHalf',
        { codes: tf.zeros([8], 'int32'), absmax: tf.zeros([1]) },
        { blockSize: 32, shape: [8, 8], dtype: 'bfloat16' },
        'E_KERNEL_SHAPE',
      ],
      [
        'NlaAttention',
        { q: tf.zeros([1, 2, 3, 4]), k: tf.zeros([1, 2, 2, 4]), v: tf.zeros([1, 2, 2, 4]), valid: tf.zeros([1, 2]) },
        { window: 0, offset: 0, scale: 1 },
        'E_KERNEL_SHAPE',
      ],
      [
        'NlaLora',
        { x: tf.zeros([2, 3]), base: tf.zeros([2, 4]), a: tf.zeros([1, 3]), b: tf.zeros([4, 2]) },
        { scale: 1 },
        'E_KERNEL_SHAPE',
      ],
      [
        'NlaNormRope',
        { x: tf.zeros([3, 8]), weight: tf.zeros([4]), cos: tf.zeros([1, 2, 2]), sin: tf.zeros([1, 2, 2]) },
        { epsilon: 1 },
        'E_KERNEL_SHAPE',
      ],
      ['BatchMatMul', { a: tf.zeros([2, 3]), b: tf.zeros([2, 3]) }, { transposeA: false, transposeB: false }, 'E_KERNEL_SHAPE'],
    ];
    for (const [name, inputs, attrs, code] of wrong) {
      let thrown: unknown;
      try {
        run(name, inputs, attrs);
      } catch (error) {
        thrown = error;
      }
      expect(isNlaError(thrown) && thrown.code, name).toBe(code);
    }
  });
});
