import type { Figures, HeadlineColumn, JsonValue, SeedStreams } from '@nlakit/core';
import { bootstrapMean, effectOf, fveNrm, holm, mean, type ConstantBaselines } from '@nlakit/metrics';
import { storedEffect, type StoredEffect } from '@nlakit/nla/evaluation';
import { measureDiversity, type Diversity } from './diversity.js';
import type { MeasuredVariant, RetrievalMeasurement } from './measure-retrieval.js';
import type { RetrievalOptions } from './options.js';
import { STATISTIC_MEANINGS, type RetrievalStatistic } from './score-retrieval.js';
import { summarizeRetrieval, type RetrievalFigure } from './summarize-retrieval.js';
import type { TextTransform } from './text-transform.js';

/** One way to match explanations with rows, added up. */
export interface RetrievalSummaryTable {
  readonly [key: string]: JsonValue;
  readonly meaning: string;
  readonly statistics: Readonly<Partial<Record<RetrievalStatistic, RetrievalFigure>>>;
  /** p of the percentile rank, adjusted for the number of tables (Holm). */
  readonly adjustedP: number;
}

/** What a change of the text costs. */
export interface TransformSummary {
  readonly [key: string]: JsonValue;
  readonly meaning: string;
  /** Rows that it could be applied to. */
  readonly applied: number;
  /** Cosine of the explanation less the mean cosine of its variants; null where no row could be changed. */
  readonly drop: StoredEffect | null;
  /** The same in fve_nrm. */
  readonly fveDrop: number | null;
  /** As a share of what the empty text costs on the same rows. Read a small drop beside it: where nothing costs little, so does anything. */
  readonly ofEmpty: number | null;
  /** By part, where variants name one: rows that have it, and the mean drop with its interval. */
  readonly parts: Readonly<Record<string, { readonly n: number; readonly value: number; readonly low: number; readonly high: number }>>;
}

/** The `summary` of a retrieval evaluation. */
export interface RetrievalSummary {
  readonly [key: string]: JsonValue;
  readonly n: number;
  readonly documents: number;
  readonly topK: number;
  readonly documentTopK: number;
  readonly statistics: Readonly<Record<string, string>>;
  readonly template: { readonly words: readonly string[]; readonly labels: readonly string[]; readonly emptyWithout: number };
  readonly tables: Readonly<Record<string, RetrievalSummaryTable>>;
  /** The table that headlines quote. */
  readonly primary: string;
  readonly cosine: { readonly value: number; readonly low: number; readonly high: number };
  readonly rho: number;
  readonly fveNrm: number | null;
  /** Cosine with the own vector less the mean cosine with the others. */
  readonly margin: { readonly value: number; readonly low: number; readonly high: number };
  readonly diversity: Diversity;
  readonly diversityWithoutTemplate: Diversity;
  readonly transforms: Readonly<Record<string, TransformSummary>>;
}

/** Adds the rows up. */
export function summarizeMeasurement(
  measurement: RetrievalMeasurement,
  baselines: ConstantBaselines,
  transforms: readonly TextTransform[],
  options: RetrievalOptions,
  seeds: SeedStreams,
): RetrievalSummary {
  const { rows, template, bare, tables, cosines, margins } = measurement;
  const documents = rows.map(({ row }) => row.documentId);
  const uniform = (name: string) => {
    const stream = seeds.stream(`${options.seedName}.${name}`);
    return () => stream.uniform();
  };
  const found = tables.map(({ name, meaning, scores }) => ({
    name,
    meaning,
    statistics: summarizeRetrieval(scores, { documents, ...options, random: uniform(`table.${name}`) }),
  }));
  const adjusted = holm(found.map(({ statistics }) => statistics.percentile?.p ?? 1));
  const random = uniform('bootstrap');
  const interval = (values: readonly number[], clusters: readonly string[]) => {
    const { value, low, high } = bootstrapMean(values, { random, resamples: options.bootstrap, clusters });
    return { value, low, high };
  };
  const fve = fveNrm(cosines, baselines);
  const dropOf = (list: readonly MeasuredVariant[], row: number) => (cosines[row] ?? NaN) - mean(list.map((variant) => variant.cosine));
  const emptyDrops = (measurement.variants['empty'] ?? []).map((list, row) => (list.length === 0 ? 0 : dropOf(list, row)));

  const transformSummary = ({ name, meaning }: TextTransform): TransformSummary => {
    const lists = measurement.variants[name] ?? [];
    const applied = lists.flatMap((list, row) => (list.length === 0 ? [] : [row]));
    if (applied.length === 0) return { meaning, applied: 0, drop: null, fveDrop: null, ofEmpty: null, parts: {} };
    const clusters = applied.map((row) => documents[row] ?? '');
    const drops = applied.map((row) => dropOf(lists[row] ?? [], row));
    const effect = effectOf(drops, { random, resamples: options.bootstrap, permutations: options.permutations, clusters });
    const empty = mean(applied.map((row) => emptyDrops[row] ?? NaN));
    const names = [...new Set(lists.flatMap((list) => list.flatMap(({ part }) => (part === undefined ? [] : [part]))))].sort();
    const parts = names.map((part) => {
      const having = lists.flatMap((list, row) => {
        const own = list.filter((variant) => variant.part === part);
        return own.length === 0 ? [] : [{ row, drop: dropOf(own, row) }];
      });
      const estimate = interval(
        having.map(({ drop }) => drop),
        having.map(({ row }) => documents[row] ?? ''),
      );
      return [part, { n: having.length, ...estimate }] as const;
    });
    return {
      meaning,
      applied: applied.length,
      drop: storedEffect(effect),
      // fve_nrm is 1 - 2 (1 - cos) / rawvar.
      fveDrop: finite((2 * effect.value) / baselines.rawvar),
      ofEmpty: Math.abs(empty) < 1e-9 ? null : finite(effect.value / empty),
      parts: Object.fromEntries(parts),
    };
  };

  return {
    n: rows.length,
    documents: new Set(documents).size,
    topK: options.topK,
    documentTopK: options.documentTopK,
    statistics: STATISTIC_MEANINGS,
    template: { ...template, emptyWithout: bare.filter((text) => text === '').length },
    tables: Object.fromEntries(
      found.map(({ name, meaning, statistics }, index) => [name, { meaning, statistics, adjustedP: adjusted[index] ?? 1 }]),
    ),
    primary: found[0]?.name ?? '',
    cosine: interval(cosines, documents),
    rho: baselines.rho,
    fveNrm: finite(fve),
    margin: interval(margins, documents),
    diversity: measureDiversity(rows.map(({ explanation }) => explanation)),
    diversityWithoutTemplate: measureDiversity(bare),
    transforms: Object.fromEntries(transforms.map((transform) => [transform.name, transformSummary(transform)])),
  };
}

/** The few figures for tables. Only what was measured is in it. */
export function headlineOf(summary: RetrievalSummary): Figures {
  const at = (table: string, statistic: RetrievalStatistic) => summary.tables[table]?.statistics[statistic];
  const own = (statistic: RetrievalStatistic) => at(summary.primary, statistic);
  const vector = 'vector/reconstruction/full';
  const figures: Record<string, number | null | undefined> = {
    n: summary.n,
    top1: own('top1')?.value,
    top1Chance: own('top1')?.chance,
    top1P: own('top1')?.p,
    percentile: own('percentile')?.value,
    low: own('percentile')?.low,
    high: own('percentile')?.high,
    p: own('percentile')?.p,
    documentTop1: own('documentTop1')?.value,
    barePercentile: at('text/words/bare', 'percentile')?.value,
    goldTop1: at('gold/words/full', 'top1')?.value,
    goldPercentile: at('gold/words/full', 'percentile')?.value,
    vectorTop1: at(vector, 'top1')?.value,
    vectorP: at(vector, 'top1')?.p,
    margin: summary.margin.value,
    distinct: summary.diversity.distinct,
    mostFrequentShare: summary.diversity.mostFrequentShare,
    selfSimilarity: summary.diversity.selfSimilarity,
    evenness: summary.diversity.evenness,
    cosine: summary.cosine.value,
    rho: summary.rho,
    fve: summary.fveNrm,
    ...Object.fromEntries(Object.entries(summary.transforms).map(([name, { drop }]) => [`drop.${name}`, drop?.value])),
  };
  return Object.fromEntries(
    Object.entries(figures).filter((entry): entry is [string, number] => typeof entry[1] === 'number' && Number.isFinite(entry[1])),
  );
}

/** How tables show {@link headlineOf}: row and document retrieval from the texts alone, its controls, and how varied the texts are. */
export function headlineColumns(summary: RetrievalSummary): readonly HeadlineColumn[] {
  return [
    { figure: 'n', label: 'rows', format: 'count' },
    { figure: 'top1', label: 'own row found first', format: 'share' },
    { figure: 'top1Chance', label: 'by chance', format: 'share' },
    { figure: 'top1P', label: 'p', format: 'p' },
    { figure: 'percentile', label: 'rank percentile of the own row', format: 'share', interval: ['low', 'high'] },
    { figure: 'p', label: 'p of the percentile', format: 'p' },
    { figure: 'documentTop1', label: 'own document found first', format: 'share' },
    { figure: 'barePercentile', label: 'percentile without the template', format: 'share' },
    { figure: 'goldTop1', label: 'own row found first, GOLD', format: 'share' },
    { figure: 'vectorTop1', label: 'own row found first, by reconstruction', format: 'share' },
    { figure: 'vectorP', label: 'p of that', format: 'p' },
    { figure: 'margin', label: 'margin of cosines', format: 'difference' },
    { figure: 'distinct', label: 'distinct explanations', format: 'count' },
    { figure: 'mostFrequentShare', label: 'share of the most frequent', format: 'share' },
    { figure: 'selfSimilarity', label: 'similarity between rows', format: 'number' },
    { figure: 'evenness', label: 'evenness', format: 'number' },
    { figure: 'cosine', label: 'cosine', format: 'number' },
    { figure: 'rho', label: 'ρ', format: 'number' },
    { figure: 'fve', label: 'fve_nrm', format: 'number' },
    ...Object.keys(summary.transforms).map((name): HeadlineColumn => ({
      figure: `drop.${name}`,
      label: `cosine lost by: ${name}`,
      format: 'difference',
    })),
  ];
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
