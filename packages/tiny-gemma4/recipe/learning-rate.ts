/** A learning rate that grows, stays, and falls. */
export interface LearningRateOptions {
  readonly largest: number;
  /** Steps of linear growth; the first step is not 0. */
  readonly warmup: number;
  /** Share of the run after which it begins to fall. */
  readonly flatUntil: number;
  /** Last value over the largest. */
  readonly finalFraction: number;
  readonly steps: number;
}

/** Learning rate of a step, which counts from 1: linear growth, flat, then linear fall until the last step. */
export function learningRate(step: number, options: LearningRateOptions): number {
  const { largest, warmup, flatUntil, finalFraction, steps } = options;
  if (step < warmup) return (largest * step) / warmup;
  const start = flatUntil * steps;
  const progress = Math.min(1, Math.max(0, (step - start) / Math.max(1, steps - start)));
  return largest * (1 - (1 - finalFraction) * progress);
}
