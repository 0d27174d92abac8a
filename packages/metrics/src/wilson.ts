import { NlaError } from '@nlakit/core';
import type { Estimate } from '@nlakit/core';
import { checkConfidence } from './check-sample.js';
import { normalQuantile } from './special-functions.js';

/**
 * A proportion with its score interval (Wilson 1927), without continuity correction. The trials must be independent: for rows of the same
 * document use {@link bootstrapMean} with clusters. `E_METRICS_EMPTY` for no trials, `E_METRICS_COUNT` for successes that are not among
 * them.
 */
export function wilsonInterval(successes: number, trials: number, confidence = 0.95): Estimate {
  checkConfidence(confidence);
  if (trials < 1) throw new NlaError('E_METRICS_EMPTY', { message: 'A proportion needs at least one trial.' });
  if (!(successes >= 0 && successes <= trials)) {
    throw new NlaError('E_METRICS_COUNT', { message: 'Successes are some of the trials.', found: `${successes} of ${trials}` });
  }
  const share = successes / trials;
  const z = normalQuantile(1 - (1 - confidence) / 2);
  const square = z * z;
  const centre = (share + square / (2 * trials)) / (1 + square / trials);
  const half = (z / (1 + square / trials)) * Math.sqrt((share * (1 - share)) / trials + square / (4 * trials * trials));
  // Rounding must not push an end past the proportion at 0 and 1, where they are equal.
  return { value: share, low: Math.min(share, Math.max(0, centre - half)), high: Math.max(share, Math.min(1, centre + half)) };
}
