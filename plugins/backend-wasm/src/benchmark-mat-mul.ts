import * as tf from '@tensorflow/tfjs-core';

/** What {@link benchmarkMatMul} is to multiply: [m, k] times [k, n], either operand stored transposed. */
export interface MatMulBenchmark {
  readonly m: number;
  readonly k: number;
  readonly n: number;
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  /** Least time to measure, seconds; default 0.2. */
  readonly seconds?: number;
}

/**
 * Times a matrix product on the current tfjs backend, whichever it is. Answers 10^9 floating-point operations per second (2 m k n per
 * product) and the milliseconds of one product, of the fastest of five rounds: other work on the machine only ever makes it slower.
 */
export async function benchmarkMatMul(benchmark: MatMulBenchmark): Promise<{ readonly gflops: number; readonly milliseconds: number }> {
  const { m, k, n, transposeA = false, transposeB = false, seconds = 0.2 } = benchmark;
  const left = tf.randomUniform<tf.Rank.R2>(transposeA ? [k, m] : [m, k], -1, 1, 'float32', 1);
  const right = tf.randomUniform<tf.Rank.R2>(transposeB ? [n, k] : [k, n], -1, 1, 'float32', 2);
  const once = async (products: number) => {
    const start = performance.now();
    let last: tf.Tensor | undefined;
    for (let index = 0; index < products; index++) {
      last?.dispose();
      last = tf.matMul(left, right, transposeA, transposeB);
    }
    // Reading one value waits for engines that compute in the background.
    const corner = last === undefined ? undefined : tf.slice(last, [0, 0], [1, 1]);
    await corner?.data();
    tf.dispose([last, corner].filter((tensor) => tensor !== undefined));
    return performance.now() - start;
  };
  try {
    let products = 1;
    let elapsed = await once(products);
    while (elapsed < (seconds * 1000) / 5 && products < 1_000_000) {
      products = Math.ceil(products * Math.min(10, Math.max(1.5, (seconds * 220) / Math.max(elapsed, 0.001))));
      elapsed = await once(products);
    }
    let best = elapsed / products;
    for (let round = 1; round < 5; round++) best = Math.min(best, (await once(products)) / products);
    return { gflops: (2 * m * k * n) / best / 1e6, milliseconds: best };
  } finally {
    tf.dispose([left, right]);
  }
}
