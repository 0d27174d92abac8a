import * as tf from '@tensorflow/tfjs-core';
import type { WebgpuEngine } from './webgpu-engine.js';

/** Largest difference of two products, relative to the largest number: far above what another order of sums in f32 makes. */
const TOLERANCE = 2e-4;

/**
 * Decides whether the engine, which multiplies in f16 and is the current backend, does so by subgroup matrices: if the device has them and
 * they agree with the other kernel on a small product and its gradient. Once per device.
 */
export async function settleMatrixUnit(engine: WebgpuEngine): Promise<void> {
  if (engine.matrixRefusal !== undefined || engine.matrixUnit !== undefined) return;
  if (typeof engine.offeredUnit === 'string') {
    engine.matrixRefusal = engine.offeredUnit;
    return;
  }
  const { device } = engine.backend;
  const unit = engine.offeredUnit;
  const reason = await disagreement(
    async () => {
      engine.matrixUnit = unit;
      const scopes = ['validation', 'internal', 'out-of-memory'] as const;
      scopes.forEach((scope) => device.pushErrorScope(scope));
      const settled = await Promise.allSettled([smallProducts()]);
      for (const error of await Promise.all(scopes.map(() => device.popErrorScope()))) if (error !== null) throw new Error(error.message);
      if (settled[0].status === 'rejected') throw settled[0].reason;
      return settled[0].value;
    },
    () => {
      engine.matrixUnit = undefined;
      return smallProducts();
    },
  );
  if (reason === undefined) engine.matrixUnit = unit;
  else engine.matrixRefusal = reason;
}

/**
 * Why not to trust a product, in a few words; `undefined` if it agrees with the other one on every result. Its own errors are a reason, too.
 */
export async function disagreement(
  product: () => Promise<ArrayLike<number>>,
  other: () => Promise<ArrayLike<number>>,
): Promise<string | undefined> {
  let values: ArrayLike<number> = [];
  let failure: string | undefined;
  try {
    values = await product();
  } catch (error) {
    failure = `they failed: ${(error instanceof Error ? error.message : String(error)).split('\n')[0] ?? ''}`;
  }
  const expected = Array.from(await other());
  if (failure !== undefined) return failure;
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const difference = expected.reduce((most, value, index) => Math.max(most, Math.abs(value - (values[index] ?? NaN))), 0);
  return difference <= TOLERANCE * largest ? undefined : `they are off by ${(difference / largest).toPrecision(2)}`;
}

/** Products of sizes that are no multiples of a tile: `x Wᵀ`, and `dy W`. */
async function smallProducts(): Promise<number[]> {
  const [rows, out, inn] = [70, 104, 88];
  const waves = (count: number, step: number): Float32Array =>
    Float32Array.from({ length: count }, (_, index) => Math.sin(index * step + 1));
  const products = tf.tidy(() => {
    const codes = tf.tensor1d(
      Int32Array.from({ length: (out * inn) / 8 }, (_, index) => Math.imul(index + 1, 2654435761)),
      'int32',
    );
    const absmax = tf.tensor1d(waves(Math.ceil((out * inn) / 64), 0.7).map((wave) => wave + 1.5));
    const attrs = { out, inn, blockSize: 64, storage: 'float32' };
    const x = tf.tensor2d(waves(rows * inn, 1.3), [rows, inn]);
    const dy = tf.tensor2d(waves(rows * out, 0.9), [rows, out]);
    return [
      tf.engine().runKernel<tf.Tensor>('NlaNf4Linear', { x, codes, absmax }, attrs),
      tf.engine().runKernel<tf.Tensor>('NlaNf4LinearGrad', { dy, codes, absmax }, attrs),
    ];
  });
  const values = await Promise.all(products.map((product) => product.data()));
  tf.dispose(products);
  return values.flatMap((product) => Array.from(product));
}
