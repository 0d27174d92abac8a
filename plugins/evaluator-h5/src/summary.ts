import type { Figures, HeadlineColumn, JsonValue, SeedStreams } from '@nlakit/core';
import {
  bootstrapMeanIntervals,
  constantFveNrm,
  fveMeannorm,
  fveNrm,
  holm,
  mean,
  median,
  pairedEffect,
  standardDeviation,
  wilsonInterval,
} from '@nlakit/metrics';
import type { BootstrapEstimate } from '@nlakit/metrics';
import { storedEffect } from '@nlakit/nla/evaluation';
import type { TrainingReference } from '@nlakit/nla/evaluation';
import { conditionMeaning, EFFECT_FAMILY } from './conditions.js';
import type { ConditionName } from './conditions.js';
import { contentChecks } from './content-checks.js';
import type { ContentCheck } from './content-checks.js';
import { explanationForm } from './explanation-form.js';
import type { ExplanationForm } from './explanation-form.js';
import type { MeasuredRow, Measurement } from './measure.js';
import { swapsOf } from './options.js';
import type { H5Options } from './options.js';
import { publishedFigures } from './published-figures.js';
import type { PublishedFigures } from './published-figures.js';

/** A mean with its 95 % bootstrap intervals. */
export interface IntervalSummary {
  readonly [key: string]: JsonValue;
  readonly value: number;
  /** Ends of the percentile interval. */
  readonly low: number;
  readonly high: number;
  /** The bias-corrected and accelerated interval of the same resamples. */
  readonly bca: { readonly low: number; readonly high: number };
}

/** One condition, over all rows that have it. */
export interface ConditionSummary {
  readonly [key: string]: JsonValue;
  readonly meaning: string;
  readonly n: number;
  /** Mean cosine; documents are resampled. */
  readonly cosine: IntervalSummary;
  readonly median: number;
  readonly sd: number;
  /** Null where the training vectors do not vary. */
  readonly fveNrm: number | null;
  readonly fveMeannorm: number | null;
  /** fve_nrm of the mean training direction over the same rows: what a constant without any text reaches. */
  readonly constantFveNrm: number | null;
  /** Share of rows above the threshold. */
  readonly shareAbove: number;
}

/** A paired difference of two conditions, over all rows that have both. */
export interface DifferenceSummary extends IntervalSummary {
  readonly n: number;
  readonly sd: number;
  /** Two-sided sign-flip permutation p; documents are flipped. */
  readonly p: number;
  /** Whether p comes from all sign assignments instead of a sample of them. */
  readonly exact: boolean;
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
    /** fve_nrm of a constant prediction in the mean direction, on the reference set itself: `1 - 2 / (1 + rho)`. */
    readonly constantFveNrm: number;
    readonly n: number;
    /** sha256 of the reference vectors themselves, in their order. */
    readonly referenceHash: string;
    /** sha256 of the file that the reference vectors come from. */
    readonly sourceHash: string;
  };
  readonly threshold: number;
  readonly conditions: Readonly<Record<string, ConditionSummary>>;
  /** AV_OUT minus each other condition. */
  readonly differences: Readonly<Record<string, DifferenceSummary>>;
  /** GOLD minus its shuffled and swapped forms. */
  readonly goldDifferences: Readonly<Record<string, DifferenceSummary>>;
  /** The difference that decides. */
  readonly primary: 'SHUFFLED';
  /** Effects tested together, with their p values after Holm's correction for the family. */
  readonly family: Readonly<Record<string, { readonly p: number; readonly pHolm: number }>>;
  /** What the figures say, by {@link ContentCheck}; null where it was not measured. */
  readonly checks: Readonly<Record<ContentCheck, boolean | null>>;
  readonly outputs: Readonly<Record<string, JsonValue>>;
  readonly fieldAccuracy: Readonly<Record<string, { readonly value: number; readonly low: number; readonly high: number }>>;
  readonly retrieval: Readonly<Record<string, JsonValue>>;
  readonly unswapped: Readonly<Record<string, number>>;
  readonly withoutPartner: Readonly<Record<string, number>>;
  readonly controlTexts: Readonly<Record<string, string>>;
  /** The figures of the SolshineCode tables, in their dialect only. */
  readonly published: PublishedFigures | null;
}

/** Adds the rows up. Each interval and test has a random stream of its own, so that no figure depends on which others there are. */
export function summarizeH5(measurement: Measurement, reference: TrainingReference, options: H5Options, seeds: SeedStreams): H5Summary {
  const { rows, conditions } = measurement;
  const { rho, rawvar, meannorm, n, referenceHash } = reference.baselines;
  const swaps = swapsOf(options);
  const form = explanationForm(options.form);
  const having = (...names: readonly ConditionName[]) => rows.filter(({ cosines }) => names.every((name) => cosines[name] !== undefined));
  const valuesOf = (some: readonly MeasuredRow[], condition: ConditionName) => some.map(({ cosines }) => cosines[condition] ?? NaN);
  const drawing = (some: readonly MeasuredRow[], name: string) => {
    const stream = seeds.stream(`${options.seedName}.${name}`);
    return {
      random: () => stream.uniform(),
      resamples: options.bootstrap,
      permutations: options.permutations,
      clusters: some.map(({ row }) => row.documentId),
    };
  };
  const difference = (first: ConditionName, second: ConditionName): DifferenceSummary => {
    const both = having(first, second);
    const effect = pairedEffect(valuesOf(both, first), valuesOf(both, second), drawing(both, `difference.${first}.${second}`));
    return { ...storedEffect(effect), exact: effect.exact };
  };
  const differences = Object.fromEntries(
    conditions
      .filter((condition) => condition !== 'AV_OUT' && !condition.startsWith('GOLD_'))
      .map((condition) => [condition, difference('AV_OUT', condition)]),
  );
  const goldDifferences = Object.fromEntries(
    conditions.filter((condition) => condition.startsWith('GOLD_')).map((condition) => [condition, difference('GOLD', condition)]),
  );
  return {
    n: rows.length,
    documents: new Set(rows.map(({ row }) => row.documentId)).size,
    baselines: { rho, rawvar, meannorm, constantFveNrm: constantFveNrm(rho), n, referenceHash, sourceHash: reference.sourceHash },
    threshold: options.threshold,
    conditions: Object.fromEntries(
      conditions.map((condition) => {
        const some = having(condition);
        const cosines = valuesOf(some, condition);
        return [
          condition,
          {
            meaning: conditionMeaning(condition, swaps),
            n: cosines.length,
            cosine: intervals(bootstrapMeanIntervals(cosines, drawing(some, `condition.${condition}`))),
            median: median(cosines),
            sd: standardDeviation(cosines),
            fveNrm: finite(fveNrm(cosines, reference.baselines)),
            fveMeannorm: finite(fveMeannorm(cosines, reference.baselines)),
            constantFveNrm: finite(fveNrm(valuesOf(some, 'MEAN'), reference.baselines)),
            shareAbove: mean(cosines.map((value) => (value > options.threshold ? 1 : 0))),
          },
        ];
      }),
    ),
    differences,
    goldDifferences,
    primary: 'SHUFFLED',
    family: family(differences),
    checks: contentChecks(differences, goldDifferences),
    outputs: outputFigures(measurement),
    fieldAccuracy: fieldAccuracy(measurement, form),
    retrieval: retrievalFigures(measurement),
    unswapped: measurement.unswapped,
    withoutPartner: measurement.withoutPartner,
    controlTexts: measurement.texts,
    published: options.dialect === 'solshine' ? publishedFigures(measurement, options.threshold) : null,
  };
}

/** Effects that are tested together: their p values are corrected for each other (Holm 1979). */
function family(differences: H5Summary['differences']): H5Summary['family'] {
  const tested = EFFECT_FAMILY.flatMap((name) => {
    const p = differences[name]?.p;
    return p === undefined ? [] : [{ name, p }];
  });
  const corrected = holm(tested.map(({ p }) => p));
  return Object.fromEntries(tested.map(({ name, p }, index) => [name, { p, pHolm: corrected[index] ?? NaN }]));
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
    pHolm: summary.family.SHUFFLED?.pHolm,
    dZ: differences.SHUFFLED?.dZ,
    meanDifference: differences.MEAN?.value,
    meanDifferenceLow: differences.MEAN?.low,
    meanDifferenceHigh: differences.MEAN?.high,
    sameTokenDifference: differences.SHUFFLED_SAME_TOKEN?.value,
    sameTokenDifferenceLow: differences.SHUFFLED_SAME_TOKEN?.low,
    sameTokenDifferenceHigh: differences.SHUFFLED_SAME_TOKEN?.high,
    sameTokenRows: differences.SHUFFLED_SAME_TOKEN?.n,
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
    emptyRate: asNumber(summary.outputs.emptyRate),
    uniqueTexts: asNumber(summary.outputs.uniqueTexts),
    retrievalAccuracy: asNumber(summary.retrieval.accuracy),
    ...Object.fromEntries(Object.entries(summary.fieldAccuracy).map(([name, { value }]) => [`${name}Accuracy`, value])),
  };
  return Object.fromEntries(
    Object.entries(figures).filter((entry): entry is [string, number] => typeof entry[1] === 'number' && Number.isFinite(entry[1])),
  );
}

/** How tables show {@link headlineOf}: the cosines with the constant they must be compared with, then the effects. */
export const HEADLINE_COLUMNS: readonly HeadlineColumn[] = [
  { figure: 'n', label: 'rows', format: 'count' },
  { figure: 'avOut', label: 'AV_OUT', format: 'number' },
  { figure: 'gold', label: 'GOLD', format: 'number' },
  { figure: 'shuffled', label: 'SHUFFLED', format: 'number' },
  { figure: 'empty', label: 'EMPTY', format: 'number' },
  { figure: 'mean', label: 'MEAN', format: 'number' },
  { figure: 'rho', label: 'ρ', format: 'number' },
  { figure: 'fve', label: 'fve_nrm', format: 'number' },
  { figure: 'difference', label: 'AV_OUT − SHUFFLED', format: 'difference', interval: ['low', 'high'] },
  {
    figure: 'sameTokenDifference',
    label: 'AV_OUT − SHUFFLED_SAME_TOKEN',
    format: 'difference',
    interval: ['sameTokenDifferenceLow', 'sameTokenDifferenceHigh'],
  },
  { figure: 'meanDifference', label: 'AV_OUT − MEAN', format: 'difference', interval: ['meanDifferenceLow', 'meanDifferenceHigh'] },
  { figure: 'emptyRate', label: 'empty', format: 'share' },
];

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
function fieldAccuracy({ rows }: Measurement, form: ExplanationForm): H5Summary['fieldAccuracy'] {
  return Object.fromEntries(
    form.names.flatMap((name) => {
      const stated = rows.filter(({ row }) => row.fields?.[name] !== undefined);
      if (stated.length === 0) return [];
      const right = stated.filter(({ row, explanation }) => form.parse(explanation)?.[name] === row.fields?.[name]).length;
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

function intervals({ value, low, high, bca }: BootstrapEstimate): IntervalSummary {
  return { value, low, high, bca: { low: bca.low, high: bca.high } };
}

function asNumber(value: JsonValue | undefined): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
