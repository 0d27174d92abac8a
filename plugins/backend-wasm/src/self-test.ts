import * as tf from '@tensorflow/tfjs-core';
import { benchmarkMatMul } from './benchmark-mat-mul.js';

/** Computes products in all transposes, exp and tanh against JavaScript doubles, and times one matrix product on those `threads`. */
export async function selfTest(threads: number): Promise<{ ok: boolean; gflops: number; detail: string }> {
  const failures: string[] = [];
  for (const transposeA of [false, true]) {
    for (const transposeB of [false, true]) {
      const error = await productError(13, 21, 37, transposeA, transposeB);
      if (!(error < 1e-5)) failures.push(`matMul(transposeA=${transposeA}, transposeB=${transposeB}) is off by ${error}`);
    }
  }
  for (const [name, compute, truth] of [
    ['exp', tf.exp, Math.exp],
    ['tanh', tf.tanh, Math.tanh],
  ] as const) {
    const error = await functionError(compute, truth);
    if (!(error < 1e-6)) failures.push(`${name} is off by ${error} of its value`);
  }
  const { gflops } = await benchmarkMatMul({ m: 256, k: 128, n: 384, seconds: 0.05 });
  const detail =
    failures.length === 0
      ? `matMul, exp and tanh agree with double precision; ${gflops.toFixed(1)} GF/s on ${threads === 1 ? '1 thread' : `${threads} threads`}`
      : failures.join('; ');
  return { ok: failures.length === 0, gflops, detail };
}

async function productError(m: number, k: number, n: number, transposeA: boolean, transposeB: boolean): Promise<number> {
  const left = Float32Array.from({ length: m * k }, (_, index) => Math.sin(index));
  const right = Float32Array.from({ length: k * n }, (_, index) => Math.cos(index * 1.7));
  const result = tf.tidy(() =>
    tf.matMul(tf.tensor2d(left, transposeA ? [k, m] : [m, k]), tf.tensor2d(right, transposeB ? [n, k] : [k, n]), transposeA, transposeB),
  );
  const values = await result.data();
  result.dispose();
  let worst = 0;
  for (let row = 0; row < m; row++) {
    for (let column = 0; column < n; column++) {
      let sum = 0;
      for (let inner = 0; inner < k; inner++) {
        const a = left[transposeA ? inner * m + row : row * k + inner] ?? 0;
        const b = right[transposeB ? column * k + inner : inner * n + column] ?? 0;
        sum += a * b;
      }
      worst = Math.max(worst, Math.abs(sum - (values[row * n + column] ?? NaN)));
    }
  }
  return worst;
}

async function functionError(compute: (x: tf.Tensor) => tf.Tensor, truth: (x: number) => number): Promise<number> {
  const inputs = Float32Array.from({ length: 61 }, (_, index) => (index - 30) * 0.37);
  const result = tf.tidy(() => compute(tf.tensor1d(inputs)));
  const values = await result.data();
  result.dispose();
  return inputs.reduce((worst, x, index) => {
    const expected = truth(x);
    const error = Math.abs((values[index] ?? NaN) - expected) / (Math.abs(expected) || 1);
    return Math.max(worst, error);
  }, 0);
}
