import * as tf from '@tensorflow/tfjs-core';
import { isNlaError } from '@nlakit/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { noAdapterReason, titled } from './__fixtures__/adapter-here.js';
import { next, run, uniform, valuesOf } from './__fixtures__/kernel-values.js';
import { packedWeight, rounding } from './__fixtures__/packed-weight.js';
import { createWebgpuBackend } from './index.js';

/** Largest difference, relative to the largest magnitude expected. */
function worst(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  let [error, scale] = [0, 1];
  for (let index = 0; index < expected.length; index++) {
    const difference = Math.abs((actual[index] ?? NaN) - (expected[index] ?? NaN));
    error = Math.max(error, difference);
    scale = Math.max(scale, Math.abs(expected[index] ?? 0));
  }
  return error / scale;
}

/** `x yᵀ` in float64, x `[rows, inner]` and y `[columns, inner]`. */
function productOf(x: ArrayLike<number>, y: ArrayLike<number>, [rows, columns, inner]: readonly [number, number, number]): Float64Array {
  return Float64Array.from({ length: rows * columns }, (_, index) => {
    const [row, column] = [Math.floor(index / columns), index % columns];
    let sum = 0;
    for (let at = 0; at < inner; at++) sum += x[row * inner + at]! * y[column * inner + at]!;
    return sum;
  });
}

describe.skipIf(noAdapterReason !== undefined)(titled('kernels against doubles'), () => {
  let dispose: () => Promise<void>;
  beforeAll(async () => {
    ({ dispose } = await createWebgpuBackend({ allowSoftware: true }));
  });
  afterAll(() => dispose());

  for (const [rows, out, inn, blockSize, storage] of [
    [1, 40, 96, 64, 'float32'],
    [3, 7, 33, 32, 'bfloat16'],
    [8, 65, 128, 64, 'float16'],
    [9, 65, 70, 64, 'bfloat16'],
    [70, 130, 192, 128, 'float32'],
    [33, 64, 64, 4096, 'float16'],
    [65, 1, 17, 32, 'float32'],
  ] as const) {
    const attrs = { blockSize, out, inn, storage };

    it(`NlaNf4Linear, ${rows} rows by [${out}, ${inn}] in blocks of ${blockSize}, stored as ${storage}`, async () => {
      const { element, tensors } = packedWeight(out, inn, blockSize);
      const x = uniform(rows * inn);
      const expected = (lowFirst: boolean) =>
        Float64Array.from({ length: rows * out }, (_, index) => {
          const [row, column] = [Math.floor(index / out), index % out];
          let sum = 0;
          for (let at = 0; at < inn; at++) sum += x[row * inn + at]! * element(column * inn + at, storage, lowFirst);
          return sum;
        });
      const values = await valuesOf('NlaNf4Linear', { x: tf.tensor2d(x, [rows, inn]), ...tensors() }, attrs);
      expect(worst(values, expected(false))).toBeLessThan(2e-6);
      expect(worst(values, expected(true))).toBeGreaterThan(1e-2);
    });

    it(`NlaNf4LinearGrad, ${rows} rows by [${out}, ${inn}] in blocks of ${blockSize}, stored as ${storage}`, async () => {
      const { element, tensors } = packedWeight(out, inn, blockSize);
      const dy = uniform(rows * out);
      const expected = Float64Array.from({ length: rows * inn }, (_, index) => {
        const [row, column] = [Math.floor(index / inn), index % inn];
        let sum = 0;
        for (let at = 0; at < out; at++) sum += dy[row * out + at]! * element(at * inn + column, storage);
        return sum;
      });
      const values = await valuesOf('NlaNf4LinearGrad', { dy: tf.tensor2d(dy, [rows, out]), ...tensors() }, attrs);
      expect(worst(values, expected)).toBeLessThan(2e-6);
    });
  }

  it('NlaNf4Unpack is exact', async () => {
    const { element, tensors } = packedWeight(37, 53, 32);
    const values = await valuesOf('NlaNf4Unpack', tensors(), { blockSize: 32, shape: [37, 53] });
    expect(Array.from(values)).toEqual(Array.from({ length: 37 * 53 }, (_, at) => element(at, 'float32')));
  });

  it.each(['bfloat16', 'float16', 'float32'])('NlaRoundHalf to %s is exact, with ties, subnormals, infinities and NaN', async (dtype) => {
    const special = [0, 1, 1 + 2 ** -8, 1 + 3 * 2 ** -8, 1 + 2 ** -11, 1 + 3 * 2 ** -11, 65504, 65519, 65520, 1e6, 3.4e38, Infinity, NaN];
    const small = [2 ** -14, 2 ** -24, 2 ** -25, 1.5 * 2 ** -24, 2.5 * 2 ** -24, 2 ** -26, 1e-7, 3e-6, 6.09e-5];
    const inputs = [...special, ...small].flatMap((x) => [x, -x]);
    inputs.push(...uniform(500, 3), ...uniform(200, 1e-5), ...uniform(200, 9e4));
    const values = await valuesOf('NlaRoundHalf', { x: tf.tensor1d(inputs) }, { dtype });
    // Equal as numbers: a driver may lose the sign of a zero.
    const expected = inputs.map((x) => rounding[dtype]!(Math.fround(x)) + 0);
    expect(Array.from(values, (x) => x + 0)).toEqual(expected);
  });

  it('Exp and Tanh, relative error and special values', async () => {
    const inputs = [...uniform(3003, 87), ...uniform(2000, 3), ...uniform(1000, 1e-3), 0];
    for (const [name, truth] of [
      ['Exp', Math.exp],
      ['Tanh', Math.tanh],
    ] as const) {
      const values = await valuesOf(name, { x: tf.tensor1d([...inputs, Infinity, -Infinity, NaN]) });
      let error = 0;
      inputs.forEach((x, index) => {
        error = Math.max(error, Math.abs(values[index]! - truth(Math.fround(x))) / (Math.abs(truth(x)) || 1));
      });
      expect(error, name).toBeLessThan(6e-7);
      expect(Array.from(values.slice(inputs.length))).toEqual([truth(Infinity), truth(-Infinity), NaN]);
    }
  });

  it('NlaLora, tiled and for few rows', async () => {
    for (const [rows, inn, out, rank] of [
      [2, 9, 70, 5],
      [75, 33, 70, 19],
      [64, 64, 128, 64],
    ] as const) {
      const [x, base, a, b] = [uniform(rows * inn), uniform(rows * out), uniform(rank * inn), uniform(out * rank)];
      const low = productOf(x, a, [rows, rank, inn]);
      const term = productOf(low, b, [rows, out, rank]);
      const inputs = {
        x: tf.tensor2d(x, [rows, inn]),
        base: tf.tensor2d(base, [rows, out]),
        a: tf.tensor2d(a, [rank, inn]),
        b: tf.tensor2d(b, [out, rank]),
      };
      const expected = term.map((value, index) => base[index]! + 0.7 * value);
      expect(worst(await valuesOf('NlaLora', inputs, { scale: 0.7 }), expected)).toBeLessThan(5e-6);
    }
  });

  it('NlaRmsNorm of more rows than one dimension of a dispatch has', async () => {
    const x = uniform(70_001 * 3, 2);
    const values = await valuesOf('NlaRmsNorm', { x: tf.tensor2d(x, [70_001, 3]) }, { epsilon: 1e-6 });
    const expected = Float64Array.from(x, (value, index) => {
      const start = index - (index % 3);
      const square = (x[start]! ** 2 + x[start + 1]! ** 2 + x[start + 2]! ** 2) / 3;
      return value / Math.sqrt(square + 1e-6);
    });
    expect(worst(values, expected)).toBeLessThan(2e-6);
  });

  it('BatchMatMul of more matrices than a dispatch has layers, and its gradient', async () => {
    const count = 70_001;
    const [a, b] = [uniform(count * 2), uniform(count * 2)];
    const shapes = () => [tf.tensor3d(a, [count, 1, 2]), tf.tensor3d(b, [count, 1, 2])] as const;
    const product = (at: number, row: number) => a[2 * row]! * b[2 * at]! + a[2 * row + 1]! * b[2 * at + 1]!;
    const [left, right] = shapes();
    const values = await valuesOf('BatchMatMul', { a: left, b: right }, { transposeA: false, transposeB: true });
    expect(
      worst(
        values,
        Float64Array.from({ length: count }, (_, at) => product(at, at)),
      ),
    ).toBeLessThan(1e-6);
    expect(
      worst(
        values,
        Float64Array.from({ length: count }, (_, at) => product(at, at & 0xffff)),
      ),
    ).toBeGreaterThan(0.1);
    const [x, y] = shapes();
    const [dx, dy] = tf.grads((one, other) => tf.sum(tf.matMul(one, other, false, true)))([x, y]);
    expect(worst(await dx!.data(), b)).toBeLessThan(1e-6);
    expect(worst(await dy!.data(), a)).toBeLessThan(1e-6);
    tf.dispose([x, y, dx!, dy!]);
  });

  it('NlaGeglu of more workgroups than one dimension of a dispatch has, and its gradients', async () => {
    const count = 64 * 65_537;
    const period = Float32Array.from({ length: 4099 }, (_, at) => Math.fround(Math.sin(at)));
    const [gate, up] = [0, 7].map((from) => Float32Array.from({ length: count }, (_, at) => period[(at + from) % 4099]!)) as [
      Float32Array,
      Float32Array,
    ];
    const inner = (g: number) => Math.tanh(Math.sqrt(2 / Math.PI) * (g + 0.044715 * g ** 3));
    const half = period.map((g) => 0.5 * g * (1 + inner(g)));
    const slope = period.map(
      (g) => 0.5 * (1 + inner(g)) + 0.5 * g * (1 - inner(g) ** 2) * Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * g * g),
    );
    const inputs = () => ({ gate: tf.tensor1d(gate), up: tf.tensor1d(up) });
    const values = await valuesOf('NlaGeglu', inputs());
    const expected = (shift: number) =>
      Float32Array.from({ length: count }, (_, at) => half[(at + shift) % 4099]! * up[(at + shift) % 4099]!);
    expect(worst(values, expected(0))).toBeLessThan(2e-6);
    expect(worst(values, expected(64 * 65_536))).toBeGreaterThan(0.1);
    const made = tf.tidy(() => run('NlaGegluGrad', { ...inputs(), dy: tf.ones([count]) }));
    expect(
      worst(
        await made[0]!.data(),
        Float32Array.from({ length: count }, (_, at) => slope[at % 4099]! * up[at]!),
      ),
    ).toBeLessThan(2e-6);
    expect(
      worst(
        await made[1]!.data(),
        Float32Array.from({ length: count }, (_, at) => half[at % 4099]!),
      ),
    ).toBeLessThan(2e-6);
    tf.dispose(made);
  });

  it('NlaMaskedSoftmax of more keys than a workgroup has invocations', async () => {
    const [queries, keys] = [4, 700];
    const scores = uniform(2 * queries * keys, 20);
    const valid = Float32Array.from({ length: keys }, (_, key) => (key % 5 === 1 ? 0 : 1));
    const inputs = { scores: tf.tensor4d(scores, [1, 2, queries, keys]), valid: tf.tensor2d(valid, [1, keys]) };
    const values = await valuesOf('NlaMaskedSoftmax', inputs, { window: 333, offset: 696 });
    const expected = new Float64Array(scores.length);
    for (let row = 0; row < 2 * queries; row++) {
      const own = (row % queries) + 696;
      const seen = Array.from({ length: keys }, (_, key) => key).filter((key) => key <= own && key > own - 333 && valid[key] === 1);
      const highest = Math.max(...seen.map((key) => scores[row * keys + key]!));
      const sum = seen.reduce((total, key) => total + Math.exp(scores[row * keys + key]! - highest), 0);
      for (const key of seen) expected[row * keys + key] = Math.exp(scores[row * keys + key]! - highest) / sum;
    }
    expect(worst(values, expected)).toBeLessThan(1e-6);
  });

  it('NlaSoftcapLogSumExp and its gradient, over a wide row', async () => {
    const [rows, width] = [3, 5000];
    const logits = uniform(rows * width, 50);
    const capped = Float64Array.from(logits, (x) => 30 * Math.tanh(x / 30));
    const lse = Float64Array.from({ length: rows }, (_, row) =>
      Math.log(capped.subarray(row * width, (row + 1) * width).reduce((sum, c) => sum + Math.exp(c), 0)),
    );
    const values = await valuesOf('NlaSoftcapLogSumExp', { logits: tf.tensor2d(logits, [rows, width]) }, { softcap: 30 });
    expect(worst(values, lse)).toBeLessThan(1e-6);
    const targets = [7, -1, 4999];
    const expected = Float64Array.from(capped, (c, index) => {
      const row = Math.floor(index / width);
      const hit = index % width === targets[row] ? 1 : 0;
      return (row + 1) * (Math.exp(c - lse[row]!) - hit) * (1 - (c / 30) ** 2);
    });
    const inputs = {
      logits: tf.tensor2d(logits, [rows, width]),
      targets: tf.tensor1d(targets, 'int32'),
      lse: tf.tensor1d(Float32Array.from(lse)),
      dy: tf.tensor1d([1, 2, 3]),
    };
    expect(worst(await valuesOf('NlaSoftcapCrossEntropyGrad', inputs, { softcap: 30 }), expected)).toBeLessThan(2e-6);
  });

  it('UnsortedSegmentSum adds in the order of the ids, leaves out ids outside, and gives the same bits every time', async () => {
    const ids = Int32Array.from({ length: 600 }, () => next() % 7);
    ids[5] = -1;
    const x = uniform(600 * 3);
    const once = () =>
      valuesOf('UnsortedSegmentSum', { x: tf.tensor2d(x, [600, 3]), segmentIds: tf.tensor1d(ids, 'int32') }, { numSegments: 7 });
    const expected = new Float32Array(21);
    ids.forEach((id, at) => {
      if (id < 0) return;
      for (let column = 0; column < 3; column++) expected[id * 3 + column] = expected[id * 3 + column]! + x[at * 3 + column]!;
    });
    const values = await once();
    expect(Array.from(values)).toEqual(Array.from(expected));
    expect(Array.from(await once())).toEqual(Array.from(values));
  });

  it('refuses shapes and dtypes that do not belong together', () => {
    const [x, codes, absmax] = [tf.ones([2, 5]), tf.zeros([4], 'int32'), tf.ones([1])];
    const codeOf = (name: string, inputs: Record<string, tf.Tensor>, attrs: object): string => {
      try {
        run(name, inputs, attrs);
      } catch (error) {
        if (isNlaError(error)) return error.code;
        throw error;
      }
      return 'nothing was thrown';
    };
    const attrs = { blockSize: 64, out: 4, inn: 6, storage: 'float32' };
    expect(codeOf('NlaNf4Linear', { x, codes, absmax }, attrs)).toBe('E_KERNEL_SHAPE');
    expect(codeOf('NlaNf4Linear', { x, codes: absmax, absmax }, { ...attrs, inn: 5 })).toBe('E_KERNEL_INPUT');
    expect(codeOf('NlaNf4Unpack', { codes, absmax }, { blockSize: 64, shape: [5, 7] })).toBe('E_KERNEL_SHAPE');
    expect(codeOf('NlaGeglu', { gate: x, up: absmax }, {})).toBe('E_KERNEL_SHAPE');
    tf.dispose([x, codes, absmax]);
  });
});
