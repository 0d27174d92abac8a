import { NlaError } from '@nlakit/core';
import { binomialTail } from './special-functions.js';

/**
 * Exact one-sided p of the binomial test: the probability of at least that many successes, each of them by `chance`. The trials must be
 * independent. `E_METRICS_EMPTY` for no trials, `E_METRICS_COUNT` for successes that are not among them.
 */
export function binomialUpperP(successes: number, trials: number, chance: number): number {
  if (trials < 1) throw new NlaError('E_METRICS_EMPTY', { message: 'A test of a proportion needs at least one trial.' });
  if (!Number.isInteger(successes) || !(successes >= 0 && successes <= trials)) {
    throw new NlaError('E_METRICS_COUNT', { message: 'Successes are some of the trials.', found: `${successes} of ${trials}` });
  }
  return successes === 0 ? 1 : binomialTail(successes - 1, trials, chance);
}
