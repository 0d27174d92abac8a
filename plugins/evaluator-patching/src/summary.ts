import type { Figures, HeadlineColumn, JsonValue, SeedStreams } from '@nlakit/core';
import { bootstrapMean, bootstrapStatistic, mean, median, pairedEffect, wilsonInterval } from '@nlakit/metrics';
import { storedEffect, type StoredEffect } from '@nlakit/nla/evaluation';
import { CONDITION_MEANINGS, type ConditionName } from './conditions.js';
import type { PatchingMeasurement } from './measure-patching.js';
import type { PatchingOptions } from './options.js';

/** A divergence, in nats, that rounding may cause. */
const negligible = 1e-6;

type Interval = Readonly<Record<'value' | 'low' | 'high', number>>;

/** One condition, over all rows. */
export interface PatchedCondition {
  readonly [key: string]: JsonValue;
  readonly meaning: string;
  readonly n: number;
  /** Mean KL(unpatched ‖ patched) of the next token, nats, with its 95 % interval; documents are resampled. */
  readonly divergence: Interval;
  readonly median: number;
  /** Share of rows whose most likely next token stays (Wilson). */
  readonly sameToken: Interval;
  /** `1 - KL / KL of MEAN`: 1 if nothing is lost, 0 if no more is kept than the mean direction keeps. Null where MEAN costs nothing. */
  readonly recovered: Interval | null;
}

/** The `summary` of a patching evaluation. */
export interface PatchingSummary {
  readonly [key: string]: JsonValue;
  readonly n: number;
  readonly documents: number;
  readonly leftOut: { readonly noText: number; readonly otherTokens: number; readonly otherActivation: number };
  readonly patched: Readonly<Record<string, PatchedCondition>>;
  /** KL of each condition less that of AV_OUT: above 0, the explanation keeps more of what the model uses. */
  readonly saved: Readonly<Record<string, StoredEffect>>;
  /** The difference that decides. */
  readonly primary: 'SHUFFLED';
  readonly cosine: Interval;
}

/** Adds the rows up. */
export function summarizePatching(
  { rows, conditions, leftOut }: PatchingMeasurement,
  options: PatchingOptions,
  seeds: SeedStreams,
): PatchingSummary {
  const clusters = rows.map(({ row }) => row.documentId);
  const stream = seeds.stream(`${options.seedName}.statistics`);
  const resampling = { random: () => stream.uniform(), resamples: options.bootstrap, permutations: options.permutations, clusters };
  const plain = ({ value, low, high }: Interval): Interval => ({ value, low, high });
  const valuesOf = (name: ConditionName) => rows.map(({ divergence }) => divergence[name] ?? NaN);
  const meanValues = valuesOf('MEAN');
  const recovered = (values: readonly number[]): Interval | null => {
    if (mean(meanValues) < negligible) return null;
    const ratio = (drawn: readonly number[]) =>
      1 - mean(drawn.map((row) => values[row] ?? NaN)) / Math.max(mean(drawn.map((row) => meanValues[row] ?? NaN)), negligible);
    return plain(bootstrapStatistic(rows.length, ratio, resampling));
  };
  return {
    n: rows.length,
    documents: new Set(clusters).size,
    leftOut,
    patched: Object.fromEntries(
      conditions.map((name): [string, PatchedCondition] => {
        const values = valuesOf(name);
        const same = rows.filter(({ sameToken }) => sameToken[name] === true).length;
        return [
          name,
          {
            meaning: CONDITION_MEANINGS[name],
            n: values.length,
            divergence: plain(bootstrapMean(values, resampling)),
            median: median(values),
            sameToken: plain(wilsonInterval(same, rows.length)),
            recovered: recovered(values),
          },
        ];
      }),
    ),
    saved: Object.fromEntries(
      conditions
        .filter((name) => name !== 'AV_OUT' && name !== 'ORIGINAL')
        .map((name) => [name, storedEffect(pairedEffect(valuesOf(name), valuesOf('AV_OUT'), resampling))]),
    ),
    primary: 'SHUFFLED',
    cosine: plain(
      bootstrapMean(
        rows.map(({ cosine }) => cosine),
        resampling,
      ),
    ),
  };
}

/** The few figures for tables. Only what was measured is in it. */
export function headlineOf({ n, patched, saved, cosine }: PatchingSummary): Figures {
  const figures: Record<string, number | undefined> = {
    n,
    avOut: patched['AV_OUT']?.divergence.value,
    gold: patched['GOLD']?.divergence.value,
    shuffled: patched['SHUFFLED']?.divergence.value,
    mean: patched['MEAN']?.divergence.value,
    zero: patched['ZERO']?.divergence.value,
    original: patched['ORIGINAL']?.divergence.value,
    saved: saved['SHUFFLED']?.value,
    low: saved['SHUFFLED']?.low,
    high: saved['SHUFFLED']?.high,
    p: saved['SHUFFLED']?.p,
    savedOverMean: saved['MEAN']?.value,
    recovered: patched['AV_OUT']?.recovered?.value,
    recoveredLow: patched['AV_OUT']?.recovered?.low,
    recoveredHigh: patched['AV_OUT']?.recovered?.high,
    goldRecovered: patched['GOLD']?.recovered?.value,
    sameToken: patched['AV_OUT']?.sameToken.value,
    cosine: cosine.value,
  };
  return Object.fromEntries(
    Object.entries(figures).filter((entry): entry is [string, number] => entry[1] !== undefined && Number.isFinite(entry[1])),
  );
}

/** How tables show {@link headlineOf}: what each patch costs in nats, then how much of the damage the explanation saves. */
export const HEADLINE_COLUMNS: readonly HeadlineColumn[] = [
  { figure: 'n', label: 'rows', format: 'count' },
  { figure: 'avOut', label: 'KL with AV_OUT, nats', format: 'number' },
  { figure: 'gold', label: 'KL with GOLD', format: 'number' },
  { figure: 'shuffled', label: 'KL with SHUFFLED', format: 'number' },
  { figure: 'mean', label: 'KL with MEAN', format: 'number' },
  { figure: 'zero', label: 'KL with ZERO', format: 'number' },
  { figure: 'original', label: 'KL with ORIGINAL', format: 'number' },
  { figure: 'saved', label: 'KL saved over SHUFFLED', format: 'difference', interval: ['low', 'high'] },
  { figure: 'p', label: 'p', format: 'p' },
  { figure: 'savedOverMean', label: 'KL saved over MEAN', format: 'difference' },
  { figure: 'recovered', label: 'share recovered, AV_OUT', format: 'share', interval: ['recoveredLow', 'recoveredHigh'] },
  { figure: 'goldRecovered', label: 'share recovered, GOLD', format: 'share' },
  { figure: 'sameToken', label: 'same next token', format: 'share' },
  { figure: 'cosine', label: 'cosine', format: 'number' },
];
