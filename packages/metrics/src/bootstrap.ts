import { NlaError } from '@nlakit/core';
import type { Estimate } from '@nlakit/core';
import { mean, sortedQuantile } from './summarize.js';

/** How an interval is drawn. */
export interface BootstrapOptions {
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Number of resamples; default 2000. */
  readonly resamples?: number;
  /** Default 0.95. */
  readonly confidence?: number;
  /** One label a value: whole groups are resampled (cluster bootstrap), for rows of the same document that are alike. */
  readonly clusters?: readonly string[];
}

/**
 * Mean with its percentile bootstrap interval (Efron and Tibshirani 1993, chapter 13): rows, or whole clusters, are drawn with
 * replacement. For paired differences pass the differences. `E_METRICS_EMPTY` without values.
 */
export function bootstrapMean(values: ArrayLike<number>, options: BootstrapOptions): Estimate {
  const { random, resamples = 2000, confidence = 0.95 } = options;
  if (values.length === 0) throw new NlaError('E_METRICS_EMPTY', { message: 'Nothing can be said about an empty sample.' });
  if (!(confidence > 0 && confidence < 1) || !Number.isSafeInteger(resamples) || resamples < 1) {
    throw new NlaError('E_METRICS_PROBABILITY', {
      message: 'A bootstrap needs a confidence between 0 and 1 and at least one resample.',
      found: `confidence ${confidence}, ${resamples} resamples`,
      kind: 'input',
    });
  }
  const groups = groupSums(values, options.clusters);
  const means = new Float64Array(resamples);
  for (let resample = 0; resample < resamples; resample += 1) {
    let sum = 0;
    let count = 0;
    for (let draw = 0; draw < groups.length; draw += 1) {
      const group = groups[Math.floor(random() * groups.length)];
      sum += group?.sum ?? NaN;
      count += group?.count ?? 0;
    }
    means[resample] = sum / count;
  }
  means.sort();
  const tail = (1 - confidence) / 2;
  return { value: mean(values), low: sortedQuantile(means, tail), high: sortedQuantile(means, 1 - tail) };
}

function groupSums(values: ArrayLike<number>, clusters: readonly string[] | undefined): { sum: number; count: number }[] {
  if (clusters === undefined) return Array.from(values, (sum) => ({ sum, count: 1 }));
  if (clusters.length !== values.length) {
    throw new NlaError('E_METRICS_LENGTH', {
      message: 'Every value needs a cluster label.',
      found: `${clusters.length} labels for ${values.length} values`,
    });
  }
  const groups = new Map<string, { sum: number; count: number }>();
  clusters.forEach((label, index) => {
    const group = groups.get(label) ?? { sum: 0, count: 0 };
    groups.set(label, group);
    group.sum += values[index] ?? NaN;
    group.count += 1;
  });
  return [...groups.values()];
}
