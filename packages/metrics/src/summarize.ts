import { NlaError } from '@nlakit/core';
import type { Summary } from '@nlakit/core';

/** Arithmetic mean. NaN for an empty sample. */
export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let index = 0; index < values.length; index += 1) sum += values[index] ?? NaN;
  return sum / values.length;
}

/** Sample standard deviation (divisor n - 1), 0 for one value, NaN for none. */
export function standardDeviation(values: ArrayLike<number>): number {
  if (values.length === 0) return NaN;
  if (values.length === 1) return 0;
  const centre = mean(values);
  let sum = 0;
  for (let index = 0; index < values.length; index += 1) sum += ((values[index] ?? NaN) - centre) ** 2;
  return Math.sqrt(sum / (values.length - 1));
}

/**
 * Quantile of a sample by linear interpolation between order statistics (type 7 of Hyndman and Fan 1996, the default of R and NumPy).
 * `probability` is in [0, 1]. NaN for an empty sample.
 */
export function quantile(values: ArrayLike<number>, probability: number): number {
  return sortedQuantile(Float64Array.from(values).sort(), probability);
}

/** As {@link quantile}, for values already in ascending order. */
export function sortedQuantile(sorted: ArrayLike<number>, probability: number): number {
  if (!(probability >= 0 && probability <= 1)) {
    throw new NlaError('E_METRICS_PROBABILITY', { message: 'A probability lies in [0, 1].', found: String(probability), kind: 'input' });
  }
  if (sorted.length === 0) return NaN;
  const place = (sorted.length - 1) * probability;
  const low = Math.floor(place);
  const below = sorted[low] ?? NaN;
  const above = sorted[Math.min(low + 1, sorted.length - 1)] ?? NaN;
  return below + (above - below) * (place - low);
}

/** Middle value, or mean of the two middle ones. NaN for an empty sample. */
export function median(values: ArrayLike<number>): number {
  return quantile(values, 0.5);
}

/** Count, mean, median, extremes and sample standard deviation. An empty sample is `E_METRICS_EMPTY`. */
export function summarize(values: ArrayLike<number>): Summary {
  if (values.length === 0) throw new NlaError('E_METRICS_EMPTY', { message: 'Nothing can be said about an empty sample.' });
  const sorted = Float64Array.from(values).sort();
  return {
    count: sorted.length,
    mean: mean(values),
    median: sortedQuantile(sorted, 0.5),
    minimum: sorted[0] ?? NaN,
    maximum: sorted[sorted.length - 1] ?? NaN,
    standardDeviation: standardDeviation(values),
  };
}
