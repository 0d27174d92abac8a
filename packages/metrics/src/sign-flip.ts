import { checkDraws, checkSample } from './check-sample.js';
import { clusterRows } from './clusters.js';

/** How signs are flipped. */
export interface SignFlipOptions {
  /** Uniform in [0, 1). Not used where all sign assignments are enumerated. */
  readonly random: () => number;
  /** Sign assignments drawn; default 10000. All of them are enumerated where there are not more than that. */
  readonly permutations?: number;
  /** One label a value: the values of a cluster change their sign together. */
  readonly clusters?: readonly string[];
}

/** Outcome of a sign-flip test. */
export interface SignFlipTest {
  /** Two-sided; never 0. */
  readonly p: number;
  /** Whether all sign assignments were looked at. */
  readonly exact: boolean;
  /** Sign assignments looked at. */
  readonly permutations: number;
}

/**
 * Two-sided sign-flip permutation test of "the differences are symmetric about zero" (Fisher 1935, section 21): the share of sign
 * assignments whose mean is at least as far from zero as the observed one. Exact while 2ⁿ is at most `permutations`, n being the number
 * of values or clusters; else (hits + 1) / (draws + 1), so that p is never 0 (Phipson and Smyth 2010). The smallest p that n values can
 * have is 2 / 2ⁿ. `E_METRICS_EMPTY`, and `E_METRICS_NOT_FINITE` for NaN.
 */
export function signFlipTest(differences: ArrayLike<number>, options: SignFlipOptions): SignFlipTest {
  const { random, permutations = 10_000 } = options;
  checkSample(differences);
  checkDraws(permutations, 'permutations');
  const sums = clusterRows(differences.length, options.clusters).map((rows) =>
    rows.reduce((sum, row) => sum + (differences[row] ?? NaN), 0),
  );
  const observed = Math.abs(sums.reduce((total, value) => total + value, 0));
  // Sums in another order differ in their last bits; equal ones must count as equal.
  const tolerance = 1e-12 * sums.reduce((total, value) => total + Math.abs(value), 0);
  const reaches = (sum: number) => Math.abs(sum) >= observed - tolerance;
  const assignments = 2 ** sums.length;
  if (sums.length < 31 && assignments <= permutations) {
    let hits = 0;
    for (let signs = 0; signs < assignments; signs += 1) {
      if (reaches(sums.reduce((total, value, index) => total + ((signs >>> index) & 1 ? -value : value), 0))) hits += 1;
    }
    return { p: hits / assignments, exact: true, permutations: assignments };
  }
  let hits = 0;
  for (let draw = 0; draw < permutations; draw += 1) {
    let sum = 0;
    for (const value of sums) sum += random() < 0.5 ? -value : value;
    if (reaches(sum)) hits += 1;
  }
  return { p: (hits + 1) / (permutations + 1), exact: false, permutations };
}

/** The p of {@link signFlipTest}. */
export function signFlipP(differences: ArrayLike<number>, options: SignFlipOptions): number {
  return signFlipTest(differences, options).p;
}
