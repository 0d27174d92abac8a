import type { DatasetSplit } from '@nlakit/core';
import type { Baselines } from '@nlakit/sidecar';

/**
 * What a constant predictor reaches on a split (nla.md 8): with unit vectors u, `rho = |mean u|` is the mean cosine of the best
 * constant, `1 - rho²` the variance that fve_nrm divides by, `2 (1 - rho)` the error of the best constant of unit norm. Sums are
 * float64; zero vectors are left out. Undefined for a split without vectors.
 */
export async function splitBaselines(split: DatasetSplit, signal: AbortSignal): Promise<Baselines | undefined> {
  const batch = 512;
  let sum: Float64Array | undefined;
  let count = 0;
  for (let start = 0; start < split.length && !signal.aborted; start += batch) {
    const indices = Array.from({ length: Math.min(batch, split.length - start) }, (_, offset) => start + offset);
    for (const { vector } of await split.rows(indices)) {
      const norm = Math.sqrt(vector.reduce((total, value) => total + value * value, 0));
      if (norm === 0) continue;
      sum ??= new Float64Array(vector.length);
      for (const [index, value] of vector.entries()) sum[index] = (sum[index] ?? 0) + value / norm;
      count += 1;
    }
  }
  if (sum === undefined) return undefined;
  const rho = Math.sqrt(sum.reduce((total, value) => total + (value / count) ** 2, 0));
  return { rho, rawvar: 1 - rho * rho, meannorm: 2 * (1 - rho), n: count, sourceHash: split.sha256 };
}
