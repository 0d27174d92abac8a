import type { Tensor, Tensor2D } from '@tensorflow/tfjs-core';
import { NF4_VALUES, nf4Unpack } from './nf4-unpack.js';
import { tf } from './tensorflow.js';

/** What {@link selfTest} found. */
export interface SelfTestResult {
  readonly ok: boolean;
  /** 10^9 floating-point operations per second of a product of f32 matrices, the better of a few. */
  readonly gflops: number;
  /** What was checked, or what was wrong. */
  readonly detail: string;
}

/**
 * Computes on the current backend what can be known without it: products in all transposes and their gradient, exp, tanh, and the values
 * of an NF4 weight, against JavaScript doubles; and times one matrix product. Takes a fraction of a second. Drivers and libraries with
 * wrong numbers exist, and a loss falls with them too. Frees everything it makes.
 */
export async function selfTest(): Promise<SelfTestResult> {
  const failures: string[] = [];
  const hold = (what: string, error: number, limit: number): void => {
    if (!(error <= limit)) failures.push(`${what} is off by ${error.toPrecision(2)}`);
  };
  for (const transposeA of [false, true])
    for (const transposeB of [false, true])
      hold(`matMul(transposeA=${transposeA}, transposeB=${transposeB})`, await productError(13, 21, 37, transposeA, transposeB), 1e-5);
  hold('the gradient of matMul', await gradientError(9, 14, 11), 1e-5);
  hold('exp', await functionError(tf.exp, Math.exp), 1e-5);
  hold('tanh', await functionError(tf.tanh, Math.tanh), 1e-5);
  hold('the values of NF4', await nf4Error(), 1e-6);
  const gflops = await productRate();
  const detail =
    failures.length === 0
      ? `products and their gradient, exp, tanh and NF4 agree with double precision; ${gflops.toFixed(1)} GF/s`
      : failures.join('; ');
  return { ok: failures.length === 0, gflops, detail };
}

const sines = (count: number, step: number): Float32Array => Float32Array.from({ length: count }, (_, index) => Math.sin(index * step + 1));

async function productError(m: number, k: number, n: number, transposeA: boolean, transposeB: boolean): Promise<number> {
  const left = sines(m * k, 1);
  const right = sines(k * n, 1.7);
  const values = await read(() =>
    tf.matMul(tf.tensor2d(left, transposeA ? [k, m] : [m, k]), tf.tensor2d(right, transposeB ? [n, k] : [k, n]), transposeA, transposeB),
  );
  return largest(m * n, (at) => {
    const [row, column] = [Math.floor(at / n), at % n];
    let sum = 0;
    for (let inner = 0; inner < k; inner++)
      sum +=
        (left[transposeA ? inner * m + row : row * k + inner] ?? 0) * (right[transposeB ? column * k + inner : inner * n + column] ?? 0);
    return sum - (values[at] ?? NaN);
  });
}

/** Of the sum of `(a b)^2 / 2` with respect to `a`: `a b bᵀ`. */
async function gradientError(m: number, k: number, n: number): Promise<number> {
  const a = sines(m * k, 0.9);
  const b = sines(k * n, 1.3);
  const values = await read(() => {
    const right = tf.tensor2d(b, [k, n]);
    return tf.grad((x) => tf.mul(tf.sum(tf.square(tf.matMul(x as Tensor2D, right))), 0.5))(tf.tensor2d(a, [m, k]));
  });
  return largest(m * k, (at) => {
    const [row, inner] = [Math.floor(at / k), at % k];
    let expected = 0;
    for (let column = 0; column < n; column++) {
      let product = 0;
      for (let j = 0; j < k; j++) product += (a[row * k + j] ?? 0) * (b[j * n + column] ?? 0);
      expected += product * (b[inner * n + column] ?? 0);
    }
    return (expected - (values[at] ?? NaN)) / 10;
  });
}

async function functionError(compute: (x: Tensor) => Tensor, truth: (x: number) => number): Promise<number> {
  const inputs = Float32Array.from({ length: 61 }, (_, index) => (index - 30) * 0.37);
  const values = await read(() => compute(tf.tensor1d(inputs)));
  return largest(inputs.length, (at) => {
    const expected = truth(inputs[at] ?? 0);
    return ((values[at] ?? NaN) - expected) / (Math.abs(expected) || 1);
  });
}

/** Two blocks of 64 with every code, high nibble first. */
async function nf4Error(): Promise<number> {
  const bytes = Uint8Array.from({ length: 64 }, (_, index) => (index * 37 + 5) & 255);
  const absmax = Float32Array.of(0.75, 3);
  const values = await read(() =>
    nf4Unpack({ codes: tf.tensor1d(new Int32Array(bytes.buffer), 'int32'), absmax: tf.tensor1d(absmax), blockSize: 64, shape: [8, 16] }),
  );
  return largest(128, (at) => {
    const byte = bytes[at >> 1] ?? 0;
    return (NF4_VALUES[at % 2 === 0 ? byte >> 4 : byte & 15] ?? NaN) * (absmax[at >> 6] ?? NaN) - (values[at] ?? NaN);
  });
}

/** The better of three rounds of two products; the first round also compiles and packs. */
async function productRate(): Promise<number> {
  const size = 384;
  const left = tf.ones<tf.Rank.R2>([size, size]);
  let best = Infinity;
  for (let round = 0; round < 4; round++) {
    const start = performance.now();
    await read(() => tf.slice(tf.matMul(left, tf.matMul(left, left)), [0, 0], [1, 1]));
    if (round > 0) best = Math.min(best, (performance.now() - start) / 2);
  }
  left.dispose();
  return (2 * size ** 3) / best / 1e6;
}

async function read(compute: () => Tensor): Promise<ArrayLike<number>> {
  const result = tf.tidy(compute);
  try {
    return await result.data();
  } finally {
    result.dispose();
  }
}

function largest(count: number, error: (at: number) => number): number {
  let worst = 0;
  for (let at = 0; at < count; at++) {
    const size = Math.abs(error(at));
    if (Number.isNaN(size)) return NaN;
    worst = Math.max(worst, size);
  }
  return worst;
}
