import { NlaError } from '@nlakit/core';
import { mean, standardDeviation } from './summarize.js';

/** An observed statistic beside its values under permutation. */
export interface PermutationNull {
  /** Share of draws, the observed one counted among them, that reach the observed value: one-sided, never 0. */
  readonly p: number;
  /** Distance of the observed value from the mean of the draws, in their standard deviations; null where the draws do not vary. */
  readonly z: number | null;
  /** Mean of the draws: chance, as the data make it. */
  readonly mean: number;
  readonly sd: number;
}

/**
 * Compares a statistic, of which more is better, with the values it has when labels are permuted: `p = (reached + 1) / (draws + 1)`
 * (Phipson and Smyth 2010). `E_METRICS_EMPTY` without draws.
 */
export function permutationNull(observed: number, draws: ArrayLike<number>): PermutationNull {
  if (draws.length === 0) throw new NlaError('E_METRICS_EMPTY', { message: 'A permutation test needs at least one permutation.' });
  // Sums in another order differ in their last bits; equal ones must count as equal.
  const tolerance = 1e-9 * Math.max(1, Math.abs(observed));
  let reached = 0;
  for (let draw = 0; draw < draws.length; draw += 1) if ((draws[draw] ?? NaN) >= observed - tolerance) reached += 1;
  const [centre, sd] = [mean(draws), standardDeviation(draws)];
  return { p: (reached + 1) / (draws.length + 1), z: sd <= tolerance ? null : (observed - centre) / sd, mean: centre, sd };
}
