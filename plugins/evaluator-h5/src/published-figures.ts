import type { JsonValue } from '@nlakit/core';
import { mean, median, standardDeviation } from '@nlakit/metrics';
import type { ConditionName } from './conditions.js';
import type { Measurement } from './measure.js';

/** The figures of the H5 tables of the SolshineCode releases, which leave rows with an empty output out. Never a result of ours: see `dropped`. */
export interface PublishedFigures {
  readonly [key: string]: JsonValue;
  /** Rows with an output. */
  readonly n: number;
  /** Rows that their procedure drops. */
  readonly dropped: number;
  readonly conditions: Readonly<
    Record<string, { readonly mean: number; readonly sd: number; readonly median: number; readonly above: number }>
  >;
  /** AV_OUT minus EMPTY and minus GIBBER, row by row. */
  readonly differences: Readonly<Record<string, { readonly mean: number; readonly sd: number }>>;
  /** Mean over rows of the largest minus the smallest of the four cosines. */
  readonly withinRowRange: number;
}

const published = ['AV_OUT', 'EMPTY', 'RANDOM', 'GIBBER'] as const satisfies readonly ConditionName[];

/** The figures of {@link PublishedFigures}; null where every output is empty. `above` counts rows above `threshold`. */
export function publishedFigures({ rows }: Measurement, threshold: number): PublishedFigures | null {
  const kept = rows.filter(({ output }) => output.text.trim() !== '');
  if (kept.length === 0) return null;
  const values = (name: ConditionName) => kept.map(({ cosines }) => cosines[name] ?? NaN);
  const spread = (sample: readonly number[]) => ({ mean: mean(sample), sd: standardDeviation(sample) });
  return {
    n: kept.length,
    dropped: rows.length - kept.length,
    conditions: Object.fromEntries(
      published.map((name) => {
        const sample = values(name);
        return [name, { ...spread(sample), median: median(sample), above: sample.filter((value) => value > threshold).length }];
      }),
    ),
    differences: Object.fromEntries(
      (['EMPTY', 'GIBBER'] as const).map((name) => {
        const other = values(name);
        return [name, spread(values('AV_OUT').map((value, index) => value - (other[index] ?? NaN)))];
      }),
    ),
    withinRowRange: mean(
      kept.map(({ cosines }) => {
        const four = published.map((name) => cosines[name] ?? NaN);
        return Math.max(...four) - Math.min(...four);
      }),
    ),
  };
}
