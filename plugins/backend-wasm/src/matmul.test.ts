import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { createWasmBackend, supportsRelaxedSimd } from './index.js';

/** Values in [-1, 1) from a small generator, so that a failing shape can be repeated. */
function numbers(count: number, seed: number): Float32Array {
  let state = seed >>> 0;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

/** Largest difference from the product in doubles, over the square root of k. */
function worst(
  a: Float32Array,
  b: Float32Array,
  c: ArrayLike<number>,
  [m, k, n]: readonly [number, number, number],
  [ta, tb]: readonly [boolean, boolean],
): number {
  let largest = 0;
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let q = 0; q < k; q++) sum += (a[ta ? q * m + i : i * k + q] ?? NaN) * (b[tb ? j * k + q : q * n + j] ?? NaN);
      const error = Math.abs(sum - (c[i * n + j] ?? NaN));
      if (!(error <= largest)) largest = error;
    }
  }
  return largest / Math.sqrt(Math.max(k, 1));
}

const transposes = [
  [false, false],
  [false, true],
  [true, false],
  [true, true],
] as const;

const shapes: (readonly [number, number, number])[] = [];
for (const m of [1, 2, 3, 4, 5, 7, 16, 17, 24, 25, 31]) {
  for (const k of [1, 2, 3, 5, 8, 33, 128]) {
    for (const n of [1, 2, 3, 4, 7, 8, 9, 17, 40]) shapes.push([m, k, n]);
  }
}
shapes.push(
  [430, 128, 16],
  [16, 430, 128],
  [86, 33, 86],
  [20, 385, 9],
  [26, 769, 11],
  [30, 800, 70],
  [9, 20, 4096],
  [33, 384, 180],
  [5, 2000, 33],
);

describe.each([
  { build: 'off' as const, runs: true },
  { build: 'auto' as const, runs: supportsRelaxedSimd() },
])('matrix product, relaxedSimd $build', ({ build, runs }) => {
  beforeAll(async () => {
    if (runs) await createWasmBackend({ relaxedSimd: build });
  });
  const test = it.skipIf(!runs);
  const reason = runs ? '' : ' (skipped: this JavaScript engine has no relaxed SIMD)';

  test.each(transposes)(`equals doubles for every shape, transposeA=%s transposeB=%s${reason}`, (ta, tb) => {
    for (const [m, k, n] of shapes) {
      const a = numbers(m * k, m * 31 + k);
      const b = numbers(k * n, n * 17 + k);
      const c = tf.tidy(() => tf.matMul(tf.tensor2d(a, ta ? [k, m] : [m, k]), tf.tensor2d(b, tb ? [n, k] : [k, n]), ta, tb).dataSync());
      expect(worst(a, b, c, [m, k, n], [ta, tb]), `${m}x${k}x${n}`).toBeLessThan(2e-6);
    }
  });

  test.each(transposes)(`broadcasts batches, transposeA=%s transposeB=%s${reason}`, (ta, tb) => {
    const [m, k, n] = [5, 9, 11];
    for (const [batchA, batchB] of [
      [[3], [3]],
      [[1], [3]],
      [[3], [1]],
      [
        [2, 3],
        [1, 3],
      ],
      [
        [2, 1],
        [1, 3],
      ],
      [[2, 3], []],
      [[], [4]],
    ] as const) {
      const sizeA = batchA.reduce<number>((p, d) => p * d, 1);
      const sizeB = batchB.reduce<number>((p, d) => p * d, 1);
      const a = numbers(sizeA * m * k, 3);
      const b = numbers(sizeB * k * n, 4);
      tf.tidy(() => {
        const c = tf.matMul(
          tf.tensor(a, [...batchA, ...(ta ? [k, m] : [m, k])]),
          tf.tensor(b, [...batchB, ...(tb ? [n, k] : [k, n])]),
          ta,
          tb,
        );
        const batch = c.shape.slice(0, -2);
        const indexA = tf.broadcastTo(tf.reshape(tf.range(0, sizeA), [...batchA]), batch).dataSync();
        const indexB = tf.broadcastTo(tf.reshape(tf.range(0, sizeB), [...batchB]), batch).dataSync();
        const values = c.dataSync();
        for (let index = 0; index < indexA.length; index++) {
          const [ia, ib] = [indexA[index] ?? 0, indexB[index] ?? 0];
          const error = worst(
            a.subarray(ia * m * k, (ia + 1) * m * k),
            b.subarray(ib * k * n, (ib + 1) * k * n),
            values.subarray(index * m * n, (index + 1) * m * n),
            [m, k, n],
            [ta, tb],
          );
          expect(error, `[${batchA}] x [${batchB}] at ${index}`).toBeLessThan(2e-6);
        }
      });
    }
  });

  test(`answers zero-size products${reason}`, () => {
    tf.tidy(() => {
      expect(tf.matMul(tf.zeros([3, 0]), tf.zeros([0, 2])).arraySync()).toEqual([
        [0, 0],
        [0, 0],
        [0, 0],
      ]);
      expect(tf.matMul(tf.zeros([0, 4]), tf.zeros([4, 2])).shape).toEqual([0, 2]);
      expect(tf.matMul(tf.zeros([2, 0, 4]), tf.zeros([2, 4, 2])).shape).toEqual([2, 0, 2]);
    });
  });

  test(`leaves its neighbours in the heap alone${reason}`, () => {
    const guards = Array.from({ length: 6 }, (_, index) => tf.fill([7], index));
    const a = numbers(7 * 9, 1);
    const product = tf.tidy(() => tf.matMul(tf.tensor2d(a, [7, 9]), tf.tensor2d(a, [9, 7])));
    guards.forEach((guard, index) => expect(Array.from(guard.dataSync())).toEqual(new Array(7).fill(index)));
    tf.dispose([...guards, product]);
  });
});
