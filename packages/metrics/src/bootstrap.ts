import type { Estimate } from '@nlakit/core';
import { bcaInterval } from './bca.js';
import type { Interval } from './bca.js';
import { checkConfidence, checkDraws, checkSample } from './check-sample.js';
import { clusterRows } from './clusters.js';
import { mean, sortedQuantile, standardDeviation } from './summarize.js';

/** How an interval is drawn. */
export interface BootstrapOptions {
  /** Uniform in [0, 1). The same numbers give the same interval. */
  readonly random: () => number;
  /** Number of resamples; default 2000. */
  readonly resamples?: number;
  /** Default 0.95. */
  readonly confidence?: number;
  /**
   * One label a value: whole groups are resampled (cluster bootstrap), for rows of the same document that are alike. As many groups are
   * drawn as there are, so the number of rows varies; the jackknife of BCa leaves out whole groups too.
   */
  readonly clusters?: readonly string[];
}

/** An estimate with both bootstrap intervals; `low` and `high` are the percentile interval. */
export interface BootstrapEstimate extends Estimate {
  /** The bias-corrected and accelerated interval of the same resamples. */
  readonly bca: Interval;
  /** Standard deviation of the replicates. */
  readonly standardError: number;
  /** z₀ of BCa. */
  readonly bias: number;
  /** a of BCa. */
  readonly acceleration: number;
}

/**
 * Mean with its percentile bootstrap interval (Efron and Tibshirani 1993, chapter 13): rows, or whole clusters, are drawn with
 * replacement. For paired differences pass the differences. `E_METRICS_EMPTY` without values, `E_METRICS_NOT_FINITE` with NaN among them.
 */
export function bootstrapMean(values: ArrayLike<number>, options: BootstrapOptions): Estimate {
  const { value, low, high } = bootstrapMeanIntervals(values, options);
  return { value, low, high };
}

/** As {@link bootstrapMean}, with percentile and BCa interval (chapters 13 and 14) of the same resamples. */
export function bootstrapMeanIntervals(values: ArrayLike<number>, options: BootstrapOptions): BootstrapEstimate {
  checkSample(values);
  const groups = clusterRows(values.length, options.clusters).map((rows) => ({
    sum: rows.reduce((sum, row) => sum + (values[row] ?? NaN), 0),
    count: rows.length,
  }));
  const total = groups.reduce((sum, group) => sum + group.sum, 0);
  return resample(groups.length, options, {
    estimate: mean(values),
    evaluate: (drawn) => {
      let sum = 0;
      let count = 0;
      for (const group of drawn) {
        sum += groups[group]?.sum ?? NaN;
        count += groups[group]?.count ?? NaN;
      }
      return sum / count;
    },
    without: (left) => (total - (groups[left]?.sum ?? NaN)) / (values.length - (groups[left]?.count ?? NaN)),
  });
}

/**
 * Percentile and BCa interval of any statistic of rows, for instance a median, a correlation or a ratio. `statistic` gets row numbers,
 * `0 … rows - 1` with repetitions, and must be finite for every draw: `E_METRICS_NOT_FINITE` else.
 */
export function bootstrapStatistic(
  rows: number,
  statistic: (rows: readonly number[]) => number,
  options: BootstrapOptions,
): BootstrapEstimate {
  checkDraws(rows, 'rows');
  const groups = clusterRows(rows, options.clusters);
  const all = groups.map((_, group) => group);
  const evaluate = (drawn: ArrayLike<number>) => {
    const value = statistic(Array.from(drawn, (group) => groups[group] ?? []).flat());
    checkSample([value]);
    return value;
  };
  return resample(groups.length, options, {
    estimate: statistic(Array.from({ length: rows }, (_, row) => row)),
    evaluate,
    without: (left) => evaluate(all.filter((group) => group !== left)),
  });
}

function resample(
  groups: number,
  { random, resamples = 2000, confidence = 0.95 }: BootstrapOptions,
  statistic: {
    readonly estimate: number;
    readonly evaluate: (drawn: Int32Array) => number;
    readonly without: (left: number) => number;
  },
): BootstrapEstimate {
  checkConfidence(confidence);
  checkDraws(resamples, 'resamples');
  const replicates = new Float64Array(resamples);
  const drawn = new Int32Array(groups);
  for (let index = 0; index < resamples; index += 1) {
    for (let draw = 0; draw < groups; draw += 1) drawn[draw] = Math.floor(random() * groups);
    replicates[index] = statistic.evaluate(drawn);
  }
  replicates.sort();
  const tail = (1 - confidence) / 2;
  // One group cannot be left out: every replicate is the estimate.
  const jackknife = groups === 1 ? [statistic.estimate] : Float64Array.from({ length: groups }, (_, left) => statistic.without(left));
  const { low, high, bias, acceleration } = bcaInterval({
    sortedReplicates: replicates,
    estimate: statistic.estimate,
    jackknife,
    confidence,
  });
  return {
    value: statistic.estimate,
    low: sortedQuantile(replicates, tail),
    high: sortedQuantile(replicates, 1 - tail),
    bca: { low, high },
    standardError: standardDeviation(replicates),
    bias,
    acceleration,
  };
}
