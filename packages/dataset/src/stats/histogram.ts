/** Counts of values in equal steps from the smallest to the largest. */
export interface Histogram {
  /** Lower edge of the first bin. */
  readonly start: number;
  /** Width of every bin. */
  readonly step: number;
  readonly counts: readonly number[];
}

/** Bins of a round width (1, 2 or 5 times a power of ten), about `bins` of them; whole numbers get whole bins. */
export function histogram(values: readonly number[], bins = 24): Histogram {
  let [low, high] = [Infinity, -Infinity];
  let whole = true;
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
    whole &&= Number.isInteger(value);
  }
  if (values.length === 0) return { start: 0, step: 1, counts: [] };
  // Values that differ in their last digits only are one value: their range is no scale to divide.
  const size = Math.max(Math.abs(low), Math.abs(high));
  const range = high - low > 1e-9 * size ? high - low : size;
  const step = Math.max(whole ? 1 : 0, roundStep((range > 1e-300 ? range : 1) / bins));
  const start = Math.floor(low / step) * step;
  const counts = Array.from({ length: Math.floor((high - start) / step) + 1 }, () => 0);
  for (const value of values) {
    const bin = Math.max(0, Math.min(counts.length - 1, Math.floor((value - start) / step)));
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  return { start, step, counts };
}

function roundStep(step: number): number {
  const power = 10 ** Math.floor(Math.log10(step));
  return (step / power <= 1 ? 1 : step / power <= 2 ? 2 : step / power <= 5 ? 5 : 10) * power;
}
