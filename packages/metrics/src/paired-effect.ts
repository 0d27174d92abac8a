import { NlaError } from '@nlakit/core';
import type { Estimate } from '@nlakit/core';
import { bootstrapMean } from './bootstrap.js';
import type { BootstrapOptions } from './bootstrap.js';
import { mean, standardDeviation } from './summarize.js';

/** A paired comparison: the mean difference with interval, permutation p and standardised size. */
export interface PairedEffect extends Estimate {
  readonly n: number;
  /** Sample standard deviation of the differences. */
  readonly sd: number;
  /** Two-sided sign-flip permutation p; never 0. */
  readonly p: number;
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
  const differences = pairedDifferences(first, second);
  return {
    ...bootstrapMean(differences, options),
    n: differences.length,
    sd: standardDeviation(differences),
    p: signFlipP(differences, options),
    dZ: cohenDZ(differences),
  };
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

/** Cohen's d for paired data: mean / standard deviation of the differences. Infinite where all differences are equal and not zero. */
export function cohenDZ(differences: ArrayLike<number>): number {
  const centre = mean(differences);
  return centre === 0 ? 0 : centre / standardDeviation(differences);
}

/**
 * Two-sided sign-flip permutation test of "the differences are symmetric about zero": the share of sign assignments whose mean is at
 * least as far from zero as the observed one. Exact while 2ⁿ is at most `permutations`, else (hits + 1) / (draws + 1), so that p is
 * never 0 (Phipson and Smyth 2010). With clusters, whole clusters are flipped.
 */
export function signFlipP(
  differences: ArrayLike<number>,
  options: { readonly random: () => number; readonly permutations?: number; readonly clusters?: readonly string[] },
): number {
  const { random, permutations = 10_000 } = options;
  const sums = clusterSums(differences, options.clusters);
  const observed = Math.abs(sums.reduce((total, value) => total + value, 0));
  // Sums in another order differ in their last bits; equal ones must count as equal.
  const tolerance = 1e-12 * sums.reduce((total, value) => total + Math.abs(value), 0);
  const reaches = (sum: number) => Math.abs(sum) >= observed - tolerance;
  if (sums.length < 31 && 2 ** sums.length <= permutations) {
    let hits = 0;
    for (let signs = 0; signs < 2 ** sums.length; signs += 1) {
      if (reaches(sums.reduce((total, value, index) => total + ((signs >>> index) & 1 ? -value : value), 0))) hits += 1;
    }
    return hits / 2 ** sums.length;
  }
  let hits = 0;
  for (let draw = 0; draw < permutations; draw += 1) {
    let sum = 0;
    for (const value of sums) sum += random() < 0.5 ? -value : value;
    if (reaches(sum)) hits += 1;
  }
  return (hits + 1) / (permutations + 1);
}

function clusterSums(values: ArrayLike<number>, clusters: readonly string[] | undefined): number[] {
  if (clusters === undefined) return Array.from(values);
  const sums = new Map<string, number>();
  clusters.forEach((label, index) => sums.set(label, (sums.get(label) ?? 0) + (values[index] ?? NaN)));
  return [...sums.values()];
}
