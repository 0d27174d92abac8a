// Its package.json hides its declarations from NodeNext resolution; what is used of it is typed below.
// @ts-expect-error -- no declarations found for 'cephes'
import * as library from 'cephes';

/** The part of Moshier's Cephes library, compiled to WebAssembly, that this package uses. Arguments outside a domain throw. */
interface Cephes {
  readonly compiled: Promise<void>;
  readonly ndtr: (x: number) => number;
  readonly ndtri: (probability: number) => number;
  readonly stdtr: (degreesOfFreedom: number, t: number) => number;
  readonly bdtrc: (successes: number, trials: number, probability: number) => number;
  readonly stdtri: (degreesOfFreedom: number, probability: number) => number;
}

const cephes = library as Cephes;
// The module's functions exist once its WebAssembly is compiled; waiting here keeps every function of this package synchronous.
await cephes.compiled;

/** Standard normal distribution function. */
export function normalProbability(x: number): number {
  return cephes.ndtr(x);
}

/** Inverse of {@link normalProbability}, for a probability strictly between 0 and 1. */
export function normalQuantile(probability: number): number {
  return cephes.ndtri(probability);
}

/** Two-sided p of Student's t with whole `degreesOfFreedom`. */
export function studentTwoSidedP(t: number, degreesOfFreedom: number): number {
  return Number.isFinite(t) ? Math.min(1, 2 * cephes.stdtr(degreesOfFreedom, -Math.abs(t))) : 0;
}

/** Quantile of Student's t with whole `degreesOfFreedom`, for a probability strictly between 0 and 1. */
export function studentQuantile(probability: number, degreesOfFreedom: number): number {
  return cephes.stdtri(degreesOfFreedom, probability);
}

/** Probability of more than `successes` in that many trials of one `probability`: the upper tail of the binomial distribution. */
export function binomialTail(successes: number, trials: number, probability: number): number {
  return cephes.bdtrc(successes, trials, probability);
}
