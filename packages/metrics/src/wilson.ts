import { NlaError } from '@nlakit/core';
import type { Estimate } from '@nlakit/core';

/** A proportion with its Wilson score interval (Wilson 1927). `z` is the normal quantile; default that of 95 %. `E_METRICS_EMPTY` for no trials. */
export function wilsonInterval(successes: number, trials: number, z = 1.959963984540054): Estimate {
  if (trials < 1) throw new NlaError('E_METRICS_EMPTY', { message: 'A proportion needs at least one trial.' });
  const share = successes / trials;
  const square = z * z;
  const centre = (share + square / (2 * trials)) / (1 + square / trials);
  const half = (z / (1 + square / trials)) * Math.sqrt((share * (1 - share)) / trials + square / (4 * trials * trials));
  return { value: share, low: Math.max(0, centre - half), high: Math.min(1, centre + half) };
}
