import { NlaError } from '@nlakit/core';
import { norm } from './cosine.js';

/** What constant predictions reach on a reference set of vectors. */
export interface ConstantBaselines {
  /** Norm of the mean unit vector: the mean cosine that the mean direction, the best constant, reaches. */
  readonly rho: number;
  /** Variance of the unit vectors, `1 - rho²`. */
  readonly rawvar: number;
  /** Mean normalised error of the best constant of unit norm, `2 (1 - rho)`. */
  readonly meannorm: number;
  /** Number of vectors; zero vectors are left out. */
  readonly n: number;
  /** Mean of the unit vectors, of norm rho, `[dModel]`. */
  readonly meanUnit: Float64Array;
  /** Mean of the raw vectors, `[dModel]`. */
  readonly meanRaw: Float64Array;
}

/** Baselines of a set of vectors, in one pass, summed in float64. `E_METRICS_EMPTY` without a non-zero vector. */
export function constantBaselines(vectors: Iterable<ArrayLike<number>>): ConstantBaselines {
  let unitSum: Float64Array | undefined;
  let rawSum: Float64Array | undefined;
  let n = 0;
  for (const vector of vectors) {
    const length = norm(vector);
    if (length === 0) continue;
    unitSum ??= new Float64Array(vector.length);
    rawSum ??= new Float64Array(vector.length);
    if (unitSum.length !== vector.length) {
      throw new NlaError('E_METRICS_LENGTH', { message: 'The vectors differ in length.', found: `${unitSum.length} and ${vector.length}` });
    }
    for (let index = 0; index < vector.length; index += 1) {
      const value = vector[index] ?? NaN;
      unitSum[index] = (unitSum[index] ?? 0) + value / length;
      rawSum[index] = (rawSum[index] ?? 0) + value;
    }
    n += 1;
  }
  if (unitSum === undefined || rawSum === undefined) {
    throw new NlaError('E_METRICS_EMPTY', { message: 'Baselines need at least one vector that is not zero.' });
  }
  const meanUnit = unitSum.map((value) => value / n);
  const rho = norm(meanUnit);
  return { rho, rawvar: 1 - rho * rho, meannorm: 2 * (1 - rho), n, meanUnit, meanRaw: rawSum.map((value) => value / n) };
}
