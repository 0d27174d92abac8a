import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { noAdapterReason } from '../__fixtures__/adapter-here.js';
import { EMULATED_SUBGROUP, emulateMatrices } from '../__fixtures__/emulate-matrices.js';
import { uniform, valuesOf } from '../__fixtures__/kernel-values.js';
import { packedWeight, toFloat16 } from '../__fixtures__/packed-weight.js';
import { createWebgpuBackend } from '../index.js';
import type { MatrixUnit } from '../matrix-unit.js';
import { settleMatrixUnit } from '../settle-matrix-unit.js';
import { findEngine } from '../webgpu-engine.js';

interface Case {
  readonly rows: number;
  readonly out: number;
  readonly inn: number;
  readonly blockSize: number;
  readonly storage: string;
  /** Forward `x Wᵀ`, or `dy W`. */
  readonly forward: boolean;
}

/** A case with its operands: left `[rows, inner]`, right `[inner, columns]`. */
interface Product {
  readonly rows: number;
  readonly columns: number;
  readonly inner: number;
  readonly left: (row: number, at: number) => number;
  readonly right: (at: number, column: number) => number;
  /** What the kernel computes. */
  readonly compute: () => Promise<Float32Array>;
}

/** Rows of magnitudes from 1e-30 to 1e30, one of zeros, and within each row numbers that are up to 10000 times smaller. */
function productOf(
  { rows, out, inn, blockSize, storage, forward }: Case,
  magnitudes: readonly number[],
  spread?: (block: number) => number,
): Product {
  const [inner, columns] = forward ? [inn, out] : [out, inn];
  const x = uniform(rows * inner).map(
    (value, index) => value * (magnitudes[Math.floor(index / inner) % magnitudes.length] ?? 1) * (index % 5 === 0 ? 1e-4 : 1),
  );
  const { element, tensors } = packedWeight(out, inn, blockSize, spread);
  return {
    rows,
    columns,
    inner,
    left: (row, at) => x[row * inner + at]!,
    right: (at, column) => element(forward ? column * inn + at : at * inn + column, storage),
    compute: () =>
      valuesOf(
        forward ? 'NlaNf4Linear' : 'NlaNf4LinearGrad',
        { [forward ? 'x' : 'dy']: tf.tensor2d(x, [rows, inner]), ...tensors() },
        { blockSize, out, inn, storage },
      ),
  };
}

/** A way to multiply and add: float64 unless it rounds. */
interface Arithmetic {
  readonly left?: (x: number, row: number) => number;
  readonly right?: (x: number) => number;
  readonly sum?: (x: number) => number;
}

const same = (x: number): number => x;

function resultOf(product: Product, { left = same, right = same, sum = same }: Arithmetic = {}): Float64Array {
  const { rows, columns, inner } = product;
  const [a, b] = [new Float64Array(rows * inner), new Float64Array(inner * columns)];
  a.forEach((_, index) => (a[index] = left(product.left(Math.floor(index / inner), index % inner), Math.floor(index / inner))));
  b.forEach((_, index) => (b[index] = right(product.right(Math.floor(index / columns), index % columns))));
  return Float64Array.from({ length: rows * columns }, (_, index) => {
    const [row, column] = [Math.floor(index / columns), index % columns];
    let total = 0;
    for (let at = 0; at < inner; at++) total = sum(total + a[row * inner + at]! * b[at * columns + column]!);
    return total;
  });
}

const withoutSigns = (product: Product): Product => ({
  ...product,
  left: (row, at) => Math.abs(product.left(row, at)),
  right: (at, column) => Math.abs(product.right(at, column)),
});

/**
 * The largest error in units of what operands of 11 bits and sums of 24 bits allow: 2^-11 of each factor, and 2^-24 of the sum of
 * magnitudes for each addition. It holds for every element by itself, so a small row is judged by its own size.
 */
function errorOf(product: Product, values: ArrayLike<number>): number {
  const { rows, columns, inner } = product;
  const truth = resultOf(product);
  const magnitudes = resultOf(withoutSigns(product));
  expect(values.length).toBe(rows * columns);
  let worst = 0;
  for (let index = 0; index < truth.length; index++) {
    const difference = Math.abs(values[index]! - truth[index]!);
    const allowed = magnitudes[index]! * (2 ** -10 + 2 ** -22 + inner * 2 ** -24);
    const error = difference === 0 ? 0 : difference / allowed;
    worst = Math.max(worst, error);
  }
  return worst;
}

const wide = [1, 1e-30, 3e30, 7e4, 0, 1e-7, 1e9];

const shapes = [
  [9, 65, 70, 64, 'bfloat16'],
  [70, 130, 192, 64, 'float32'],
  [33, 64, 64, 4096, 'float16'],
  [65, 1, 17, 32, 'float32'],
  [66, 67, 129, 32, 'float32'],
] as const;

const engine = () => findEngine(tf.backend())!;
const start = (multiply: 'f32' | 'f16') => createWebgpuBackend({ allowSoftware: true, multiply });

/** Why these tests cannot run here. */
async function reasonAgainst(): Promise<{ readonly half?: string | undefined; readonly matrices?: string | undefined }> {
  if (noAdapterReason !== undefined) return { half: noAdapterReason, matrices: noAdapterReason };
  try {
    const backend = await start('f16');
    const { matrixRefusal } = engine();
    await backend.dispose();
    return { matrices: matrixRefusal };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { half: reason, matrices: reason };
  }
}

const { half: noHalf, matrices: noMatrices } = await reasonAgainst();
const because = (title: string, reason: string | undefined): string => (reason === undefined ? title : `${title} (skipped: ${reason})`);

describe.skipIf(noHalf !== undefined)(because('NF4 products in f16', noHalf), () => {
  let dispose: () => Promise<void>;
  beforeAll(async () => {
    ({ dispose } = await start('f16'));
  });
  afterAll(() => dispose());

  /** One test for every shape, in both directions. */
  const eachShape = (): void => {
    for (const forward of [true, false])
      for (const [rows, out, inn, blockSize, storage] of shapes)
        it(`${forward ? 'x Wᵀ' : 'dy W'}, ${rows} rows by [${out}, ${inn}] in blocks of ${blockSize}, stored as ${storage}`, async () => {
          const product = productOf({ rows, out, inn, blockSize, storage, forward }, wide);
          const error = errorOf(product, await product.compute());
          expect(error).toBeLessThan(1);
          // f32 would be hundreds of times closer.
          if (storage === 'float32') expect(error).toBeGreaterThan(0.02);
        });
  };

  describe('by tiles', () => {
    let unit: MatrixUnit | undefined;
    beforeAll(() => {
      unit = engine().matrixUnit;
      engine().matrixUnit = undefined;
    });
    afterAll(() => {
      engine().matrixUnit = unit;
    });

    eachShape();

    it.each([true, false])('weights of any size, and blocks of different sizes, forward %s', async (forward) => {
      for (const size of [1e-25, 1e25]) {
        const product = productOf({ rows: 20, out: 70, inn: 96, blockSize: 32, storage: 'float32', forward }, [1, 1e-6, 1e6], (block) =>
          block % 3 === 0 ? size * 1e-4 : size,
        );
        expect(errorOf(product, await product.compute())).toBeLessThan(1);
      }
    });
  });

  describe.skipIf(noMatrices !== undefined)(because('by subgroup matrices', noMatrices), () => {
    eachShape();
  });

  describe('by subgroup matrices that are emulated', () => {
    let unit: MatrixUnit | undefined;
    let restore: () => void;
    beforeAll(() => {
      unit = engine().matrixUnit;
      restore = emulateMatrices(engine().backend.device);
    });
    afterAll(() => {
      engine().matrixUnit = unit;
      restore();
    });

    it.each([
      [16, 16, 16, true],
      [16, 16, 16, false],
      [16, 8, 4, true],
      [8, 32, 32, false],
    ])('of %i by %i, %i deep, forward %s', async (m, n, k, forward) => {
      engine().matrixUnit = { m, n, k, subgroups: Math.min(256 / EMULATED_SUBGROUP, (64 / m) * (64 / n)) };
      const product = productOf({ rows: 66, out: 67, inn: 72, blockSize: 32, storage: 'float32', forward }, wide);
      expect(errorOf(product, await product.compute())).toBeLessThan(1);
    });
  });

  it('a row that is not finite is NaN, and no other row is', async () => {
    for (const bad of [Infinity, -Infinity, NaN]) {
      const x = uniform(12 * 64);
      x[3 * 64 + 5] = bad;
      const { tensors } = packedWeight(70, 64, 64);
      const attrs = { blockSize: 64, out: 70, inn: 64, storage: 'float32' };
      const values = await valuesOf('NlaNf4Linear', { x: tf.tensor2d(x, [12, 64]), ...tensors() }, attrs);
      values.forEach((value, index) => expect(Number.isNaN(value)).toBe(Math.floor(index / 70) === 3));
    }
  });

  it('few rows, as in generation, stay f32', async () => {
    const product = productOf({ rows: 8, out: 40, inn: 96, blockSize: 64, storage: 'float32', forward: true }, [1]);
    expect(errorOf(product, await product.compute())).toBeLessThan(0.01);
  });

  it('says so, and is f32 again where the next start says f32', async () => {
    const half = await start('f16');
    expect(half.capabilities.multiply).toEqual(['f32', 'f16']);
    expect(half.description).toMatch(/NF4 products in f16 (by subgroup matrices \(\d+x\d+x\d+\)|without subgroup matrices \(.+\))$/);
    expect(await half.selfTest()).toMatchObject({ ok: true });
    const product = productOf({ rows: 20, out: 70, inn: 96, blockSize: 64, storage: 'float32', forward: true }, wide);
    expect(errorOf(product, await product.compute())).toBeGreaterThan(0.02);
    const single = await start('f32');
    const error = errorOf(product, await product.compute());
    await start('f16');
    expect(single.capabilities.multiply).toEqual(['f32']);
    expect(single.description).not.toContain('f16');
    expect(error).toBeLessThan(0.01);
  });

  it('does without subgroup matrices whose shader the device refuses, and goes on', async () => {
    const { offeredUnit, matrixUnit, matrixRefusal } = engine();
    // 2 deep is none that any driver has.
    Object.assign(engine(), { offeredUnit: { m: 2, n: 2, k: 2, subgroups: 2 }, matrixUnit: undefined, matrixRefusal: undefined });
    await settleMatrixUnit(engine());
    const refusal = engine().matrixRefusal;
    expect(engine().matrixUnit).toBeUndefined();
    expect(refusal).toMatch(/^they failed: \S/);
    const product = productOf({ rows: 20, out: 70, inn: 96, blockSize: 64, storage: 'float32', forward: true }, wide);
    expect(errorOf(product, await product.compute())).toBeLessThan(1);
    Object.assign(engine(), { offeredUnit, matrixUnit, matrixRefusal });
  });
});

describe('the bound for products in f16', () => {
  const caseOf = (inn: number): Case => ({ rows: 10, out: 9, inn, blockSize: 64, storage: 'float32', forward: true });
  const scaled = (product: Product): Arithmetic => {
    const scales = Array.from({ length: product.rows }, (_, row) => {
      const largest = Math.max(...Array.from({ length: product.inner }, (_, at) => Math.abs(product.left(row, at))));
      return largest === 0 ? 1 : 2 ** (14 - Math.floor(Math.log2(largest)));
    });
    return {
      left: (x, row) => toFloat16(x * scales[row]!) / scales[row]!,
      right: (x) => toFloat16(x * 2 ** 13) / 2 ** 13,
    };
  };

  it('holds for operands in f16 in the range of their row', () => {
    const product = productOf(caseOf(24), wide);
    expect(errorOf(product, resultOf(product, scaled(product)))).toBeLessThan(1);
  });

  it.each<[string, number, readonly number[], (product: Product) => Arithmetic]>([
    ['rows that are beyond f16 and not scaled', 24, [7e5], () => ({ left: toFloat16, right: toFloat16 })],
    ['rows that are below f16 and not scaled', 24, [1e-6], () => ({ left: toFloat16, right: toFloat16 })],
    ['sums in f16', 300, [1], (product) => ({ ...scaled(product), sum: toFloat16 })],
    [
      'operands of 8 bits, as in bf16',
      4,
      [1],
      () => {
        const rough = (x: number): number => Math.fround(x * (2 ** 16 + 1)) - Math.fround(x * (2 ** 16 + 1) - x);
        return { left: rough, right: rough };
      },
    ],
  ])('does not hold for %s', (_, inn, magnitudes, wrong) => {
    // Of one sign, so that sums grow, and their rounding with them.
    const product = withoutSigns(productOf(caseOf(inn), magnitudes));
    expect(errorOf(product, resultOf(product, wrong(product)))).not.toBeLessThan(1);
  });
});
