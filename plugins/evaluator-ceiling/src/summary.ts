import type { Figures, HeadlineColumn, JsonValue, SeedStreams } from '@nlakit/core';
import {
  bootstrapMean,
  bootstrapStatistic,
  documentPermutation,
  mean,
  pairedEffect,
  permutationNull,
  sharedLabel,
  siblingLabels,
} from '@nlakit/metrics';
import { storedEffect, type StoredEffect } from '@nlakit/nla/evaluation';
import type { CeilingMeasurement, MeasuredField, Predictions } from './measure-ceiling.js';
import type { CeilingOptions } from './options.js';
import { SPACE_MEANINGS, type SpaceName } from './spaces.js';

/** A share of rows that were decoded rightly, against labels that were exchanged. */
export interface Accuracy {
  readonly [key: string]: JsonValue;
  readonly value: number;
  readonly low: number;
  readonly high: number;
  readonly n: number;
  /** Mean share with permuted labels. */
  readonly chance: number;
  /** One-sided permutation p. */
  readonly p: number;
  readonly z: number | null;
}

/** One way of decoding, in all spaces. */
export interface DecodingSummary {
  readonly [key: string]: JsonValue;
  readonly spaces: Readonly<Record<string, Accuracy>>;
  /** RAW less AV_OUT, row by row: what is lost on the way through the words. */
  readonly lost: StoredEffect;
  /**
   * Share of what can be decoded above chance that is still there after the words, `(AV_OUT - chance) / (RAW - chance)`; null where RAW is
   * not above chance.
   */
  readonly survives: { readonly value: number; readonly low: number; readonly high: number } | null;
}

/** A field, in all ways of decoding. */
export interface FieldSummary {
  readonly [key: string]: JsonValue;
  readonly classes: readonly string[];
  readonly trainingRows: number;
  /** Share of rows with the class most frequent in training. */
  readonly majority: number;
  readonly transfer: DecodingSummary;
  readonly refit: DecodingSummary;
  readonly neighbours: DecodingSummary;
}

/** The `summary` of a ceiling evaluation. */
export interface CeilingSummary {
  readonly [key: string]: JsonValue;
  readonly n: number;
  readonly documents: number;
  readonly spaces: Readonly<Record<string, string>>;
  readonly cosine: { readonly value: number; readonly low: number; readonly high: number };
  readonly fields: Readonly<Record<string, FieldSummary>>;
  /** The nearest row is of the own document. Null where every document has one row. */
  readonly sameDocument: DecodingSummary | null;
}

/** Adds the rows up. */
export function summarizeCeiling(measurement: CeilingMeasurement, options: CeilingOptions, seeds: SeedStreams): CeilingSummary {
  const { rows, cosines, fields, nearest, nearestElsewhere } = measurement;
  const documents = rows.map(({ row }) => row.documentId);
  const stream = seeds.stream(`${options.seedName}.statistics`);
  const random = () => stream.uniform();
  const byDocument = Array.from({ length: options.permutations }, () => documentPermutation(documents, random));

  /** `right(row, labels)` is the score of a row if the labels are these; NaN where the row does not count. */
  const decoding = (
    labels: Int32Array,
    permutations: readonly Int32Array[],
    scorers: Readonly<Partial<Record<SpaceName, (row: number, labels: Int32Array) => number>>>,
  ): DecodingSummary => {
    const counted = Array.from(labels.keys()).filter((row) => (labels[row] ?? -1) >= 0);
    const clusters = counted.map((row) => documents[row] ?? '');
    // Labels change places among the rows that have one.
    const exchanged = permutations.map((order) => {
      const donors = Array.from(order).filter((row) => (labels[row] ?? -1) >= 0);
      const result = labels.slice();
      counted.forEach((row, place) => (result[row] = labels[donors[place] ?? row] ?? -1));
      return result;
    });
    const scoresOf = (scorer: (row: number, labels: Int32Array) => number, given: Int32Array) => counted.map((row) => scorer(row, given));
    const own = Object.fromEntries(Object.entries(scorers).map(([space, scorer]) => [space, scoresOf(scorer, labels)]));
    const spaces = Object.fromEntries(
      Object.entries(scorers).map(([space, scorer]): [string, Accuracy] => {
        const scores = own[space] ?? [];
        const { value, low, high } = bootstrapMean(scores, { random, resamples: options.bootstrap, clusters });
        const draws = Float64Array.from(exchanged, (given) => mean(scoresOf(scorer, given)));
        const { p, z, mean: chance } = permutationNull(value, draws);
        return [space, { value, low, high, n: counted.length, chance, p, z }];
      }),
    );
    const [raw, said] = [own['RAW'] ?? [], own['AV_OUT'] ?? []];
    const resampling = { random, resamples: options.bootstrap, permutations: options.permutations, clusters };
    return {
      spaces,
      lost: storedEffect(pairedEffect(raw, said, resampling)),
      survives: survival(raw, said, spaces['RAW'], spaces['AV_OUT'], resampling),
    };
  };

  const predicted = (predictions: Predictions) =>
    Object.fromEntries(
      Object.entries(predictions).map(([space, found]) => [space, (row: number, given: Int32Array) => (found[row] === given[row] ? 1 : 0)]),
    );
  const neighbouring = (lists: CeilingMeasurement['nearest']) =>
    Object.fromEntries(
      Object.entries(lists).map(([space, near]) => [space, (row: number, given: Int32Array) => sharedLabel(near[row] ?? [], given, row)]),
    );
  const fieldSummary = (field: MeasuredField): FieldSummary => ({
    classes: field.classes,
    trainingRows: field.trainingRows,
    majority: mean(
      Array.from(
        field.labels.filter((label) => label >= 0),
        (label) => (label === field.majority ? 1 : 0),
      ),
    ),
    transfer: decoding(field.labels, byDocument, predicted(field.transfer)),
    refit: decoding(field.labels, byDocument, predicted(field.refit)),
    neighbours: decoding(field.labels, byDocument, neighbouring(nearestElsewhere)),
  });

  const siblings = siblingLabels(documents);
  const singles = rows.map(({ row }) => row.id);
  const { value, low, high } = bootstrapMean(cosines, { random, resamples: options.bootstrap, clusters: documents });
  return {
    n: rows.length,
    documents: new Set(documents).size,
    spaces: Object.fromEntries(Object.keys(measurement.spaces).map((space) => [space, SPACE_MEANINGS[space as SpaceName]])),
    cosine: { value, low, high },
    fields: Object.fromEntries(fields.map((field) => [field.field, fieldSummary(field)])),
    // The document is the label here, so rows change places one by one.
    sameDocument: siblings.some((document) => document >= 0)
      ? decoding(
          siblings,
          Array.from({ length: options.permutations }, () => documentPermutation(singles, random)),
          neighbouring(nearest),
        )
      : null,
  };
}

/** Ratio of what is above chance, with its interval, if there is something above chance. */
function survival(
  raw: readonly number[],
  said: readonly number[],
  ofRaw: Accuracy | undefined,
  ofSaid: Accuracy | undefined,
  options: { readonly random: () => number; readonly resamples: number; readonly clusters: readonly string[] },
): { value: number; low: number; high: number } | null {
  if (ofRaw === undefined || ofSaid === undefined || ofRaw.p > 0.05 || ofRaw.low <= ofRaw.chance) return null;
  const { value, low, high } = bootstrapStatistic(
    raw.length,
    (rows) => {
      const above = mean(rows.map((row) => raw[row] ?? NaN)) - ofRaw.chance;
      // A resample in which the activations themselves are at chance has no ratio; it counts as the smallest step above.
      return (mean(rows.map((row) => said[row] ?? NaN)) - ofSaid.chance) / Math.max(above, 1 / rows.length);
    },
    options,
  );
  return { value, low, high };
}

/** The few figures for tables. Only what was measured is in it. */
export function headlineOf(summary: CeilingSummary): Figures {
  const figures: Record<string, number | null | undefined> = { n: summary.n, cosine: summary.cosine.value };
  for (const [field, { transfer, neighbours }] of Object.entries(summary.fields)) {
    figures[`${field}.raw`] = transfer.spaces['RAW']?.value;
    figures[`${field}.avOut`] = transfer.spaces['AV_OUT']?.value;
    figures[`${field}.chance`] = transfer.spaces['RAW']?.chance;
    figures[`${field}.survives`] = transfer.survives?.value;
    figures[`${field}.survivesLow`] = transfer.survives?.low;
    figures[`${field}.survivesHigh`] = transfer.survives?.high;
    figures[`${field}.neighbourRaw`] = neighbours.spaces['RAW']?.value;
    figures[`${field}.neighbourAvOut`] = neighbours.spaces['AV_OUT']?.value;
  }
  figures['document.raw'] = summary.sameDocument?.spaces['RAW']?.value;
  figures['document.p'] = summary.sameDocument?.spaces['RAW']?.p;
  figures['document.avOut'] = summary.sameDocument?.spaces['AV_OUT']?.value;
  return Object.fromEntries(
    Object.entries(figures).filter((entry): entry is [string, number] => typeof entry[1] === 'number' && Number.isFinite(entry[1])),
  );
}

/** How tables show {@link headlineOf}: for each field what is decoded from raw vectors, from reconstructions, and what of it survives. */
export function headlineColumns({ fields }: CeilingSummary): readonly HeadlineColumn[] {
  return [
    { figure: 'n', label: 'rows', format: 'count' },
    { figure: 'cosine', label: 'cosine', format: 'number' },
    ...Object.keys(fields).flatMap((field): HeadlineColumn[] => [
      { figure: `${field}.raw`, label: `${field}, probe on activations`, format: 'share' },
      { figure: `${field}.avOut`, label: `${field}, probe on reconstructions`, format: 'share' },
      { figure: `${field}.chance`, label: `${field}, by chance`, format: 'share' },
      {
        figure: `${field}.survives`,
        label: `${field}, share that survives`,
        format: 'share',
        interval: [`${field}.survivesLow`, `${field}.survivesHigh`],
      },
      { figure: `${field}.neighbourRaw`, label: `${field}, nearest activation`, format: 'share' },
      { figure: `${field}.neighbourAvOut`, label: `${field}, nearest reconstruction`, format: 'share' },
    ]),
    { figure: 'document.raw', label: 'own document found first, activations', format: 'share' },
    { figure: 'document.p', label: 'p of that', format: 'p' },
    { figure: 'document.avOut', label: 'own document found first, reconstructions', format: 'share' },
  ];
}
