import type { Figures, JsonValue, SeedStreams } from '@nlakit/core';
import { bootstrapMean, fveMeannorm, fveNrm, mean, median, pairedEffect, standardDeviation, wilsonInterval } from '@nlakit/metrics';
import { CONDITION_MEANINGS } from './conditions.js';
import type { ConditionName } from './conditions.js';
import type { Measurement } from './measure.js';
import type { H5Options } from './options.js';
import { parseParts } from './parse-fields.js';
import type { TrainingReference } from './training-reference.js';

/** One condition, over all rows. */
export interface ConditionSummary {
  readonly [key: string]: JsonValue;
  readonly meaning: string;
  readonly n: number;
  /** Mean cosine with its 95 % interval; documents are resampled. */
  readonly cosine: { readonly value: number; readonly low: number; readonly high: number };
  readonly median: number;
  readonly sd: number;
  /** Null where the training vectors do not vary. */
  readonly fveNrm: number | null;
  readonly fveMeannorm: number | null;
  /** Share of rows above the threshold. */
  readonly shareAbove: number;
}

/** A paired difference of two conditions. */
export interface DifferenceSummary {
  readonly [key: string]: JsonValue;
  readonly value: number;
  readonly low: number;
  readonly high: number;
  readonly n: number;
  readonly sd: number;
  /** Two-sided sign-flip permutation p. */
  readonly p: number;
  /** Null where all differences are equal and not zero. */
  readonly dZ: number | null;
}

/** The `summary` of an H5 evaluation. */
export interface H5Summary {
  readonly [key: string]: JsonValue;
  readonly n: number;
  readonly documents: number;
  readonly baselines: {
    readonly rho: number;
    readonly rawvar: number;
    readonly meannorm: number;
    readonly n: number;
    readonly sourceHash: string;
  };
  readonly threshold: number;
  readonly conditions: Readonly<Record<string, ConditionSummary>>;
  /** AV_OUT minus each other condition. */
  readonly differences: Readonly<Record<string, DifferenceSummary>>;
  /** GOLD minus its swapped forms. */
  readonly goldDifferences: Readonly<Record<string, DifferenceSummary>>;
  /** The difference that decides. */
  readonly primary: 'SHUFFLED';
  readonly outputs: Readonly<Record<string, JsonValue>>;
  readonly fieldAccuracy: Readonly<Record<string, { readonly value: number; readonly low: number; readonly high: number }>>;
  readonly retrieval: Readonly<Record<string, JsonValue>>;
  readonly unswapped: Readonly<Record<string, number>>;
  readonly controlTexts: Readonly<Record<string, string>>;
}

/** Adds the rows up. */
export function summarizeH5(measurement: Measurement, reference: TrainingReference, options: H5Options, seeds: SeedStreams): H5Summary {
  const { rows, conditions } = measurement;
  const { rho, rawvar, meannorm, n } = reference.baselines;
  const clusters = rows.map(({ row }) => row.documentId);
  const resampling = seeds.stream(`${options.seedName}.bootstrap`);
  const random = () => resampling.uniform();
  const values = (condition: ConditionName) => rows.map(({ cosines }) => cosines[condition] ?? NaN);
  const difference = (first: ConditionName, second: ConditionName): DifferenceSummary => {
    const effect = pairedEffect(values(first), values(second), {
      random,
      resamples: options.bootstrap,
      permutations: options.permutations,
      clusters,
    });
    return { value: effect.value, low: effect.low, high: effect.high, n: effect.n, sd: effect.sd, p: effect.p, dZ: finite(effect.dZ) };
  };
  return {
    n: rows.length,
    documents: new Set(clusters).size,
    baselines: { rho, rawvar, meannorm, n, sourceHash: reference.sourceHash },
    threshold: options.threshold,
    conditions: Object.fromEntries(
      conditions.map((condition) => {
        const cosines = values(condition);
        return [
          condition,
          {
            meaning: CONDITION_MEANINGS[condition],
            n: cosines.length,
            cosine: { ...bootstrapMean(cosines, { random, resamples: options.bootstrap, clusters }) },
            median: median(cosines),
            sd: standardDeviation(cosines),
            fveNrm: finite(fveNrm(cosines, reference.baselines)),
            fveMeannorm: finite(fveMeannorm(cosines, reference.baselines)),
            shareAbove: mean(cosines.map((value) => (value > options.threshold ? 1 : 0))),
          },
        ];
      }),
    ),
    differences: Object.fromEntries(
      conditions
        .filter((condition) => condition !== 'AV_OUT' && !condition.startsWith('GOLD_'))
        .map((condition) => [condition, difference('AV_OUT', condition)]),
    ),
    goldDifferences: Object.fromEntries(
      conditions.filter((condition) => condition.startsWith('GOLD_')).map((condition) => [condition, difference('GOLD', condition)]),
    ),
    primary: 'SHUFFLED',
    outputs: outputFigures(measurement),
    fieldAccuracy: fieldAccuracy(measurement),
    retrieval: retrievalFigures(measurement),
    unswapped: measurement.unswapped,
    controlTexts: measurement.texts,
  };
}

/** The few figures for tables. Only what was measured is in it. */
export function headlineOf(summary: H5Summary): Figures {
  const cosineOf = (condition: string) => summary.conditions[condition]?.cosine.value;
  const { differences, conditions } = summary;
  const figures: Record<string, number | null | undefined> = {
    n: summary.n,
    avOut: cosineOf('AV_OUT'),
    gold: cosineOf('GOLD'),
    shuffled: cosineOf('SHUFFLED'),
    empty: cosineOf('EMPTY'),
    mean: cosineOf('MEAN'),
    difference: differences.SHUFFLED?.value,
    low: differences.SHUFFLED?.low,
    high: differences.SHUFFLED?.high,
    p: differences.SHUFFLED?.p,
    dZ: differences.SHUFFLED?.dZ,
    meanDifference: differences.MEAN?.value,
    meanDifferenceLow: differences.MEAN?.low,
    meanDifferenceHigh: differences.MEAN?.high,
    emptyDifference: differences.EMPTY?.value,
    swapTopicDrop: differences.SWAP_TOPIC?.value,
    swapTopicDropLow: differences.SWAP_TOPIC?.low,
    swapTopicDropHigh: differences.SWAP_TOPIC?.high,
    swapLastDrop: differences.SWAP_LAST?.value,
    fve: conditions.AV_OUT?.fveNrm,
    fveMeannorm: conditions.AV_OUT?.fveMeannorm,
    goldFve: conditions.GOLD?.fveNrm,
    rho: summary.baselines.rho,
    extractionRate: asNumber(summary.outputs.extractionRate),
    uniqueTexts: asNumber(summary.outputs.uniqueTexts),
    retrievalAccuracy: asNumber(summary.retrieval.accuracy),
    ...Object.fromEntries(Object.entries(summary.fieldAccuracy).map(([name, { value }]) => [`${name}Accuracy`, value])),
  };
  return Object.fromEntries(
    Object.entries(figures).filter((entry): entry is [string, number] => typeof entry[1] === 'number' && Number.isFinite(entry[1])),
  );
}

function outputFigures({ rows }: Measurement): Readonly<Record<string, JsonValue>> {
  const extracted = rows.filter(({ output }) => output.explanation !== null);
  const empty = rows.filter(({ explanation }) => explanation === '');
  return {
    extractionRate: extracted.length / rows.length,
    /** Scored as EMPTY: outputs without explanation, and empty explanations. */
    empty: empty.length,
    emptyRate: empty.length / rows.length,
    stoppedRate: rows.filter(({ output }) => output.stopped).length / rows.length,
    uniqueTexts: new Set(rows.map(({ explanation }) => explanation)).size,
    uniquePrefixes60: new Set(rows.map(({ explanation }) => explanation.slice(0, 60))).size,
    /** A marker that was never replaced shows as CJK text. */
    cjkRate: rows.filter(({ output }) => /[\u3000-\u9fff]/.test(output.text)).length / rows.length,
    meanTokens: mean(rows.map(({ output }) => output.tokens.length)),
  };
}

/** Exact matches of the fields that labels state and outputs spell out. Outputs of another form count as wrong. */
function fieldAccuracy({ rows }: Measurement): H5Summary['fieldAccuracy'] {
  return Object.fromEntries(
    (['topic', 'hypernym', 'last', 'next'] as const).flatMap((name) => {
      const stated = rows.filter(({ row }) => row.fields?.[name] !== undefined);
      if (stated.length === 0) return [];
      const right = stated.filter(({ row, explanation }) => parseParts(explanation)?.[name] === row.fields?.[name]).length;
      const { value, low, high } = wilsonInterval(right, stated.length);
      return [[name, { value, low, high }]];
    }),
  );
}

function retrievalFigures({ rows }: Measurement): Readonly<Record<string, JsonValue>> {
  const hits = rows.filter(({ retrievalRank }) => retrievalRank === 1).length;
  const { value, low, high } = wilsonInterval(hits, rows.length);
  const margins = rows.map(({ cosines, offDiagonal }) => (cosines.AV_OUT ?? NaN) - offDiagonal);
  return {
    accuracy: value,
    low,
    high,
    chance: 1 / rows.length,
    meanRank: mean(rows.map(({ retrievalRank }) => retrievalRank)),
    margin: mean(margins),
  };
}

function asNumber(value: JsonValue | undefined): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
