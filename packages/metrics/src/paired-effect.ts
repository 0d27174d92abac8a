import { NlaError } from '@nlakit/core';
import { bootstrapMeanIntervals } from './bootstrap.js';
import type { BootstrapEstimate, BootstrapOptions } from './bootstrap.js';
import { signFlipTest } from './sign-flip.js';
import { mean, standardDeviation } from './summarize.js';

/** A paired comparison: the mean difference with both bootstrap intervals, permutation p and standardised size. */
export interface PairedEffect extends BootstrapEstimate {
  readonly n: number;
  /** Sample standard deviation of the differences. */
  readonly sd: number;
  /** Two-sided sign-flip permutation p; never 0. */
  readonly p: number;
  /** Whether p comes from all sign assignments instead of a sample of them. */
  readonly exact: boolean;
  /** Mean difference / standard deviation of the differences. 0 where neither differs from zero. */
  readonly dZ: number;
}

/** Options of {@link pairedEffect}. */
export interface PairedEffectOptions extends BootstrapOptions {
  /** Sign flips; default 10000. All of them are enumerated where there are fewer. */
  readonly permutations?: number;
}

/** Compares two conditions measured on the same rows, `first - second`. */
export function pairedEffect(first: ArrayLike<number>, second: ArrayLike<number>, options: PairedEffectOptions): PairedEffect {
  return effectOf(pairedDifferences(first, second), options);
}

/** Whether the mean of one value a row differs from zero: {@link pairedEffect} for differences, or slopes, that are there already. */
export function effectOf(differences: ArrayLike<number>, options: PairedEffectOptions): PairedEffect {
  const estimate = bootstrapMeanIntervals(differences, options);
  const { p, exact } = signFlipTest(differences, options);
  return { ...estimate, n: differences.length, sd: standardDeviation(differences), p, exact, dZ: cohenDZ(differences) };
}

/** `first - second`, row by row. `E_METRICS_LENGTH` if they are not paired. */
export function pairedDifferences(first: ArrayLike<number>, second: ArrayLike<number>): Float64Array {
  if (first.length !== second.length) {
    throw new NlaError('E_METRICS_LENGTH', {
      message: 'The conditions are not measured on the same rows.',
      found: `${first.length} and ${second.length} values`,
    });
  }
  return Float64Array.from(first, (value, index) => value - (second[index] ?? NaN));
}

/**
 * Cohen's d for paired data, d_z (Cohen 1988, section 2.3.5): mean / sample standard deviation of the differences. Infinite where all
 * differences are equal, up to rounding, and not zero.
 */
export function cohenDZ(differences: ArrayLike<number>): number {
  const centre = mean(differences);
  if (centre === 0) return 0;
  const deviation = standardDeviation(differences);
  return deviation <= 1e-14 * Math.abs(centre) ? Math.sign(centre) * Infinity : centre / deviation;
}
