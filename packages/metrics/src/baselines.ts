import { NlaError } from '@nlakit/core';
import { norm } from './cosine.js';
import { referenceHasher } from './reference-hash.js';

/**
 * What constant predictions reach on a reference set of vectors, usually those trained on: what a cosine or an error on other vectors has
 * to be compared with, and the denominators of {@link fveNrm} and {@link fveMeannorm}.
 */
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
  /** Mean of the raw vectors without the zero vectors, `[dModel]`. */
  readonly meanRaw: Float64Array;
  /** Which vectors these are: sha256 of their `[n + zero vectors, dModel]` matrix in little-endian float32, in the order given. */
  readonly referenceHash: string;
}

/**
 * Baselines of a set of vectors, in one pass, summed in float64. With u the vectors brought to norm 1 and m their mean, rho = ‖m‖ is the
 * mean cosine with m; `E‖u - m‖² = 1 - rho²`, and the constant m / rho has the mean error `E‖u - m / rho‖² = 2 (1 - rho)`.
 * `E_METRICS_EMPTY` without a non-zero vector, `E_METRICS_LENGTH` for vectors of different lengths, `E_METRICS_NOT_FINITE` for NaN.
 */
export function constantBaselines(vectors: Iterable<ArrayLike<number>>): ConstantBaselines {
  const sums = baselineSums();
  for (const vector of vectors) sums.add(vector);
  return sums.baselines();
}

/** {@link constantBaselines} of vectors that come one by one, for sets that do not fit into memory. */
export interface BaselineSums {
  /** Counts one vector in. `E_METRICS_LENGTH`, `E_METRICS_NOT_FINITE`. */
  add(vector: ArrayLike<number>): void;
  /** Of all vectors so far. `E_METRICS_EMPTY`. */
  baselines(): ConstantBaselines;
}

/** Begins without vectors. */
export function baselineSums(): BaselineSums {
  const hasher = referenceHasher();
  let unitSum = new Float64Array();
  let rawSum = new Float64Array();
  let n = 0;
  let rows = 0;
  return {
    add(vector) {
      if (rows === 0) [unitSum, rawSum] = [new Float64Array(vector.length), new Float64Array(vector.length)];
      if (unitSum.length !== vector.length) {
        throw new NlaError('E_METRICS_LENGTH', {
          message: 'The vectors differ in length.',
          found: `${unitSum.length} and ${vector.length}`,
        });
      }
      hasher.add(vector);
      rows += 1;
      const length = norm(vector);
      if (!Number.isFinite(length)) {
        throw new NlaError('E_METRICS_NOT_FINITE', {
          message: 'A reference vector is not finite.',
          found: `norm ${length} in row ${rows - 1}`,
        });
      }
      if (length === 0) return;
      for (let index = 0; index < vector.length; index += 1) {
        const value = vector[index] ?? NaN;
        unitSum[index] = (unitSum[index] ?? 0) + value / length;
        rawSum[index] = (rawSum[index] ?? 0) + value;
      }
      n += 1;
    },
    baselines() {
      if (n === 0) throw new NlaError('E_METRICS_EMPTY', { message: 'Baselines need at least one vector that is not zero.' });
      const meanUnit = unitSum.map((value) => value / n);
      // A mean of unit vectors is at most 1 long; rounding may say otherwise.
      const rho = Math.min(1, norm(meanUnit));
      const meanRaw = rawSum.map((value) => value / n);
      return { rho, rawvar: 1 - rho * rho, meannorm: 2 * (1 - rho), n, meanUnit, meanRaw, referenceHash: hasher.digest() };
    },
  };
}
