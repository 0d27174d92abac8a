import type { EvaluateContext, JsonValue, NlaRow } from '@nlakit/core';
import {
  cosine,
  derangement,
  documentFolds,
  nearestRows,
  norm,
  probeFolds,
  probeTransfer,
  sharedLabel,
  siblingLabels,
  type Space,
} from '@nlakit/metrics';
import { explainRows, reconstructTexts, storedExplanation, type EvaluationParts, type ExplainedRow } from '@nlakit/nla/evaluation';
import { chooseClasses, type FieldClasses } from './choose-classes.js';
import type { CeilingOptions } from './options.js';
import { SPACES, type SpaceName } from './spaces.js';

/** What a probe says of every row, by space; -1 where it was not asked. */
export type Predictions = Readonly<Partial<Record<SpaceName, Int32Array>>>;

/** A field with its classes and what the probes made of it. */
export interface MeasuredField extends FieldClasses {
  /** Class of each row; -1 for values that are no class. */
  readonly labels: Int32Array;
  /** Training rows of the classes. */
  readonly trainingRows: number;
  /** The most frequent class among them: what a probe says that knows nothing. */
  readonly majority: number;
  /** Fitted on training activations, asked about each space. */
  readonly transfer: Predictions;
  /** Fitted on the space itself, by folds of held-out documents. */
  readonly refit: Predictions;
}

/** Everything measured. */
export interface CeilingMeasurement {
  readonly rows: readonly ExplainedRow[];
  readonly spaces: Readonly<Partial<Record<SpaceName, Space>>>;
  readonly cosines: readonly number[];
  /** Row whose explanation SHUFFLED takes. */
  readonly partners: readonly number[];
  readonly fields: readonly MeasuredField[];
  /** Nearest rows in each space, whatever their document. */
  readonly nearest: Readonly<Partial<Record<SpaceName, readonly (readonly number[])[]>>>;
  /** Nearest rows of other documents. */
  readonly nearestElsewhere: Readonly<Partial<Record<SpaceName, readonly (readonly number[])[]>>>;
}

/** What {@link measureCeiling} works with. */
export interface MeasureCeilingParts {
  readonly rows: EvaluationParts['rows'];
  /** Labelled activations of documents that are not among the rows. */
  readonly training: readonly NlaRow[];
  readonly verbalizer: Pick<EvaluationParts['verbalizer'], 'explain'>;
  readonly reconstructor: Pick<EvaluationParts['reconstructor'], 'reconstruct'>;
  readonly options: CeilingOptions;
  readonly context: Pick<EvaluateContext, 'seeds' | 'signal' | 'log'>;
}

/** Runs AV and AR, then decodes activations and reconstructions in the same ways. */
export async function measureCeiling(parts: MeasureCeilingParts): Promise<CeilingMeasurement> {
  const { options, context, training } = parts;
  const stream = (name: string) => context.seeds.stream(`${options.seedName}.${name}`);
  const rows = await explainRows(parts, options, context);
  const documents = rows.map(({ row }) => row.documentId);
  const shuffle = stream('shuffle');
  const partners = derangement(documents, () => shuffle.uniform());
  const golds = rows.flatMap(({ row }) => (row.explanation === undefined ? [] : [row.explanation]));
  const labelled = golds.length === rows.length;
  const explanations = rows.map(({ explanation }) => explanation);
  const vectorOf = await reconstructTexts(parts, [...explanations, ...(labelled ? golds : [])], options, context);
  const reconstructions = explanations.map(vectorOf);
  const spaces: Partial<Record<SpaceName, Space>> = {
    RAW: rows.map(({ row }) => unit(row.vector)),
    AV_OUT: reconstructions.map(unit),
    ...(labelled ? { GOLD: golds.map((text) => unit(vectorOf(text))) } : {}),
    SHUFFLED: partners.map((partner) => unit(reconstructions[partner] ?? new Float32Array())),
  };
  const trainingUnits = training.map(({ vector }) => unit(vector));
  const foldStream = stream('folds');
  const folds = documentFolds(documents, options.folds, (items) => foldStream.shuffle(items));

  const fields = chooseClasses(
    training,
    rows.map(({ row }) => row),
    options,
  ).map(({ field, classes }): MeasuredField => {
    context.signal.throwIfAborted();
    const labelsOf = (list: readonly NlaRow[]) => Int32Array.from(list, (row) => classes.indexOf(row.fields?.[field] ?? ''));
    const labels = labelsOf(rows.map(({ row }) => row));
    const trainingLabels = labelsOf(training);
    const probe = { classes: classes.length, l2: options.l2 };
    const present = SPACES.flatMap((name) => (spaces[name] === undefined ? [] : [{ name, space: spaces[name] }]));
    const found = probeTransfer(
      trainingUnits,
      trainingLabels,
      present.map(({ space }) => space),
      probe,
    );
    return {
      field,
      classes,
      labels,
      trainingRows: trainingLabels.filter((label) => label >= 0).length,
      // Classes are in the order of their frequency.
      majority: 0,
      transfer: Object.fromEntries(present.map(({ name }, index) => [name, found[index] ?? new Int32Array()])),
      refit: Object.fromEntries(present.map(({ name, space }) => [name, probeFolds(space, labels, folds, probe)])),
    };
  });
  const inEach = (allowed: (row: number, other: number) => boolean) =>
    Object.fromEntries(
      SPACES.flatMap((name) => (spaces[name] === undefined || name === 'SHUFFLED' ? [] : [[name, nearestRows(spaces[name], allowed)]])),
    );
  return {
    rows,
    spaces,
    cosines: rows.map(({ row }, index) => cosine(row.vector, reconstructions[index] ?? [])),
    partners,
    fields,
    nearest: inEach(() => true),
    nearestElsewhere: inEach((row, other) => documents[row] !== documents[other]),
  };
}

function unit(vector: Float32Array): Float32Array {
  const length = norm(vector);
  return length === 0 ? vector : vector.map((value) => value / length);
}

/** The measured rows as they are stored: texts in full, classes by name. */
export function storedRows(measurement: CeilingMeasurement): Readonly<Record<string, JsonValue>>[] {
  const { rows, cosines, partners, fields, nearest, nearestElsewhere } = measurement;
  const siblings = siblingLabels(rows.map(({ row }) => row.documentId));
  const named = ({ classes }: MeasuredField, predictions: Predictions, row: number) =>
    Object.fromEntries(Object.entries(predictions).map(([space, found]) => [space, classes[found[row] ?? -1] ?? null]));
  const shares = (lists: CeilingMeasurement['nearest'], labels: Int32Array, row: number) =>
    Object.fromEntries(
      Object.entries(lists).map(([space, near]) => {
        const share = sharedLabel(near[row] ?? [], labels, row);
        return [space, Number.isFinite(share) ? share : null];
      }),
    );
  return rows.map((row, index) => ({
    ...storedExplanation(row),
    cosine: cosines[index] ?? NaN,
    shuffledFrom: rows[partners[index] ?? index]?.row.id ?? null,
    /** By field: the row's class, what each probe says, and the share of nearest rows of other documents with that class. */
    decoded: Object.fromEntries(
      fields.map((field) => [
        field.field,
        {
          class: field.classes[field.labels[index] ?? -1] ?? null,
          transfer: named(field, field.transfer, index),
          refit: named(field, field.refit, index),
          neighbours: shares(nearestElsewhere, field.labels, index),
        },
      ]),
    ),
    /** Share of the nearest rows that are of the own document; null where it has no other row. */
    sameDocument: shares(nearest, siblings, index),
  }));
}
