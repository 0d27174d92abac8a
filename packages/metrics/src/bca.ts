import { checkConfidence, checkDraws } from './check-sample.js';
import { normalProbability, normalQuantile } from './special-functions.js';
import { mean, sortedQuantile } from './summarize.js';

/** Two ends. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** A BCa interval and the two constants that moved its ends. */
export interface BcaInterval extends Interval {
  /** z₀: how many standard deviations the median of the replicates lies below the estimate. */
  readonly bias: number;
  /** a: how fast the standard error changes with the value, from the skewness of the jackknife values. */
  readonly acceleration: number;
}

/**
 * Bias-corrected and accelerated bootstrap interval (Efron 1987; Efron and Tibshirani 1993, equations 14.9, 14.10, 14.14 and 14.15), from
 * bootstrap replicates in ascending order, the estimate on the sample itself, and the estimates with each row or cluster left out once.
 *
 * z₀ = Φ⁻¹(share of replicates below the estimate), where replicates equal to it count half; a = Σd³ / (6 (Σd²)^{3/2}) with
 * d = mean(jackknife) - jackknife; the ends are the quantiles of the replicates at Φ(z₀ + (z₀ + z) / (1 - a (z₀ + z))) for both normal
 * quantiles z. Where all replicates lie on one side of the estimate the share is moved half a replicate inwards, so that z₀ stays finite.
 */
export function bcaInterval(input: {
  readonly sortedReplicates: ArrayLike<number>;
  readonly estimate: number;
  readonly jackknife: ArrayLike<number>;
  readonly confidence: number;
}): BcaInterval {
  const { sortedReplicates, estimate, jackknife, confidence } = input;
  checkConfidence(confidence);
  checkDraws(sortedReplicates.length, 'replicates');
  const bias = normalQuantile(shareBelow(sortedReplicates, estimate));
  const acceleration = skewnessOf(jackknife);
  const tail = (1 - confidence) / 2;
  const end = (z: number) => {
    const shifted = bias + z;
    const scale = 1 - acceleration * shifted;
    // At and beyond the pole of the transformation everything lies on one side.
    if (scale <= 0) return sortedQuantile(sortedReplicates, shifted > 0 ? 1 : 0);
    return sortedQuantile(sortedReplicates, normalProbability(bias + shifted / scale));
  };
  return { low: end(normalQuantile(tail)), high: end(normalQuantile(1 - tail)), bias, acceleration };
}

/** Sums in another order differ in their last bits; equal ones must count as equal. */
function shareBelow(replicates: ArrayLike<number>, estimate: number): number {
  const largest = Math.max(Math.abs(estimate), Math.abs(replicates[0] ?? NaN), Math.abs(replicates[replicates.length - 1] ?? NaN));
  const tolerance = 1e-12 * largest;
  let below = 0;
  for (let index = 0; index < replicates.length; index += 1) {
    const difference = (replicates[index] ?? NaN) - estimate;
    if (Math.abs(difference) <= tolerance) below += 0.5;
    else if (difference < 0) below += 1;
  }
  return Math.min(replicates.length - 0.5, Math.max(0.5, below)) / replicates.length;
}

function skewnessOf(jackknife: ArrayLike<number>): number {
  const centre = mean(jackknife);
  let [squares, cubes] = [0, 0];
  for (let index = 0; index < jackknife.length; index += 1) {
    const deviation = centre - (jackknife[index] ?? NaN);
    squares += deviation ** 2;
    cubes += deviation ** 3;
  }
  return squares === 0 ? 0 : cubes / (6 * squares ** 1.5);
}
