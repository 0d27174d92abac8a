/** Seconds of wall time over the repeats. */
export interface SecondsSummary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Median (the mean of the two in the middle of an even number), smallest and largest. Throws `RangeError` for nothing. */
export function summarize(seconds: readonly number[]): SecondsSummary {
  const sorted = [...seconds].sort((a, b) => a - b);
  const [min, max] = [sorted[0], sorted.at(-1)];
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  if (min === undefined || max === undefined || low === undefined || high === undefined) throw new RangeError('nothing was measured');
  return { median: (low + high) / 2, min, max };
}
