import type { Summary } from '@nlakit/core';

/** Count, mean, median, extremes and standard deviation (of the population) of `values`. An empty sample gives zeros. */
export function summarize(values: readonly number[]): Summary {
  const count = values.length;
  if (count === 0) return { count, mean: 0, median: 0, minimum: 0, maximum: 0, standardDeviation: 0 };
  const sorted = [...values].sort((one, other) => one - other);
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count;
  const upper = sorted[Math.floor(count / 2)] ?? 0;
  const median = count % 2 === 1 ? upper : (upper + (sorted[count / 2 - 1] ?? 0)) / 2;
  return { count, mean, median, minimum: sorted[0] ?? 0, maximum: sorted[count - 1] ?? 0, standardDeviation: Math.sqrt(variance) };
}

/** Euclidean length, summed in float64. */
export function vectorNorm(vector: Float32Array): number {
  let squares = 0;
  for (const value of vector) squares += value * value;
  return Math.sqrt(squares);
}

/** Least-squares line through `values` at 0, 1, 2, …: its slope per step and R². Fewer than two values give zeros. */
export function linearTrend(values: readonly number[]): { readonly slope: number; readonly rSquared: number } {
  const count = values.length;
  if (count < 2) return { slope: 0, rSquared: 0 };
  const centre = (count - 1) / 2;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  let covariance = 0;
  let steps = 0;
  let spread = 0;
  values.forEach((value, index) => {
    covariance += (index - centre) * (value - mean);
    steps += (index - centre) ** 2;
    spread += (value - mean) ** 2;
  });
  return { slope: covariance / steps, rSquared: spread === 0 ? 0 : covariance ** 2 / (steps * spread) };
}
