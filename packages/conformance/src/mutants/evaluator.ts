import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Dataset, EvaluateContext, Evaluation, JsonValue, NlaRow } from '@nlakit/core';
import { tf } from '@nlakit/ops';
import { createSeedStreams } from '@nlakit/run';
import { deafModel } from '../deaf-model.js';
import { scriptGeneration } from '../script-generation.js';
import { mutate, type Mutant } from './mutant.js';

type StoredRow = Evaluation['rows'][number];

/** Faults of an evaluator. */
export const evaluatorMutants: readonly Mutant<'evaluator'>[] = [
  ofResult('passes for another evaluator', 'evaluator: says who measured what', (evaluation) => ({ ...evaluation, evaluator: 'another' })),
  ofResult('names another step', 'evaluator: says who measured what', (evaluation) => ({ ...evaluation, step: evaluation.step + 1 })),
  ofResult('has a headline that is no number', 'evaluator: gives what survives JSON', (evaluation) => ({
    ...evaluation,
    headline: { ...evaluation.headline, mean: NaN },
  })),
  ofResult('stores what JSON does not know', 'evaluator: gives what survives JSON', (evaluation) => ({
    ...evaluation,
    rows: evaluation.rows.map((row) => ({ ...row, vector: new Float32Array(2) as never })),
  })),
  ofContext('measures one row less', 'evaluator: measures as many held-out rows as it is asked for, each once', (context) => ({
    ...context,
    rows: (context.rows ?? 8) - 1,
  })),
  ofRows('measures a row twice', 'evaluator: measures as many held-out rows as it is asked for, each once', (rows) => [
    ...rows.slice(1),
    ...rows.slice(-1),
  ]),
  ofContext('measures training rows', 'evaluator: measures as many held-out rows as it is asked for, each once', (context) => ({
    ...context,
    // Under other documents, so that the evaluator itself does not notice.
    dataset: ofSplits(context.dataset, (name, split) =>
      name === 'heldOut' ? renamed(context.dataset, 'avSft', context.dataFolder) : split,
    ),
  })),
  ofRows('cuts texts off', 'evaluator: stores texts whole', (rows) =>
    rows.map((row) => mapStrings(row, (text) => (text.length > 60 ? `${text.slice(0, 59)}…` : text))),
  ),
  mutate('leaves a tensor behind', 'evaluator: leaves model, memory and folders as it found them', (evaluator) => ({
    ...evaluator,
    evaluate: (context) => {
      tf.zeros([2]);
      return evaluator.evaluate(context);
    },
  })),
  ofContext('leaves an adapter on the model', 'evaluator: leaves model, memory and folders as it found them', (context) => ({
    ...context,
    model: {
      ...context.model,
      adapt: (adapter) => {
        if (adapter !== null) context.model.adapt(adapter);
      },
    },
  })),
  mutate('writes into the checkpoint', 'evaluator: leaves model, memory and folders as it found them', (evaluator) => ({
    ...evaluator,
    evaluate: async (context) => {
      const evaluation = await evaluator.evaluate(context);
      await writeFile(join(context.stepFolder, 'evaluation.json'), JSON.stringify(evaluation.headline));
      return evaluation;
    },
  })),
  mutate('measures nothing where there is no checkpoint', 'evaluator: refuses a step that is not there', (evaluator) => ({
    ...evaluator,
    evaluate: (context) =>
      evaluator.evaluate(context).catch(() => ({
        evaluator: evaluator.name,
        version: '',
        step: 0,
        rows: [],
        summary: {},
        headline: {},
        provenance: {},
        warnings: [],
      })),
  })),
  ofContext('does not listen', 'evaluator: stops within a step when it is told to', (context) => ({
    ...context,
    signal: new AbortController().signal,
  })),
  ofContext('draws from streams that nobody seeded', 'evaluator: gives the same again', (context) => ({
    ...context,
    seeds: createSeedStreams((evaluations += 1)),
  })),
  ofContext('reads the scale from the injector', 'evaluator: injects with the scale of the sidecar', ({ injector, ...context }) => ({
    ...context,
    injector: { ...injector, apply: (slots, vectors) => injector.apply(slots, vectors, injector.scale(vectors.length / slots.length)) },
  })),
  ofContext('reads a wrong scale', 'evaluator: injects with the scale of the sidecar', ({ injector, ...context }) => ({
    ...context,
    injector: { ...injector, apply: (slots, vectors, scale) => injector.apply(slots, vectors, scale === null ? null : 2 * scale) },
  })),
  ofContext('leaks training rows', 'evaluator: refuses held-out rows of documents that were trained on', (context) => ({
    ...context,
    dataset: ofSplits(context.dataset, (name, split) => (name === 'heldOut' ? split : renamed(context.dataset, name, context.dataFolder))),
  })),
  ofRows('pairs rows wrongly', 'evaluator: stores with each row what was said about that row', (rows) =>
    rows.map((row, at) => ({ ...(rows[(at + 1) % rows.length] ?? row), id: row['id'] ?? null })),
  ),
  ofRows('drops empty outputs', 'evaluator: counts rows whose output holds no explanation', (rows) =>
    rows.filter(({ explanation }) => explanation !== null && explanation !== ''),
  ),
  mutate('fails where nothing was said', 'evaluator: counts rows whose output holds no explanation', (evaluator) => ({
    ...evaluator,
    evaluate: async (context) => {
      const evaluation = await evaluator.evaluate(context);
      if (evaluation.rows.some(({ explanation }) => explanation === null || explanation === '')) throw new Error('nothing was said');
      return evaluation;
    },
  })),
  ofResult('adds up other rows than it stores', 'evaluator: its summary is that of its rows', (evaluation) => ({
    ...evaluation,
    summary: mapNumbers(evaluation.summary, (value) => value + 1e-6) as Evaluation['summary'],
  })),
  ofContext('does not let the AV see its vector', 'evaluator: shows an AV that ignores its vector', (context) => ({
    ...context,
    model: scriptGeneration(context.model, () => '<explanation>the time</explanation>'),
  })),
  ofContext('does not let the AR read its text', 'evaluator: shows an AR that ignores its text', (context) => ({
    ...context,
    model: deafModel(context.model),
  })),
];

let evaluations = 0;

function ofResult(name: string, caughtBy: string, change: (evaluation: Evaluation) => Evaluation): Mutant<'evaluator'> {
  return mutate(name, caughtBy, (evaluator) => ({ ...evaluator, evaluate: async (context) => change(await evaluator.evaluate(context)) }));
}

function ofRows(name: string, caughtBy: string, change: (rows: readonly StoredRow[]) => readonly StoredRow[]): Mutant<'evaluator'> {
  return ofResult(name, caughtBy, (evaluation) => ({ ...evaluation, rows: change(evaluation.rows) }));
}

function ofContext(name: string, caughtBy: string, change: (context: EvaluateContext) => EvaluateContext): Mutant<'evaluator'> {
  return mutate(name, caughtBy, (evaluator) => ({ ...evaluator, evaluate: (context) => evaluator.evaluate(change(context)) }));
}

type Open = ReturnType<Dataset['open']>;

function ofSplits(dataset: Dataset, change: (name: Parameters<Dataset['open']>[1], split: Open) => Open): Dataset {
  return { ...dataset, open: (folder, name) => change(name, dataset.open(folder, name)) };
}

/** A split whose rows say that they are of other documents than they are. */
async function renamed(dataset: Dataset, name: Parameters<Dataset['open']>[1], folder: string): Open {
  const split = await dataset.open(folder, name);
  const rename = (row: NlaRow): NlaRow => ({ ...row, documentId: `another ${row.documentId}` });
  return { ...split, rows: async (indices) => (await split.rows(indices)).map(rename) };
}

function mapStrings(row: StoredRow, change: (text: string) => string): StoredRow {
  return Object.fromEntries(Object.entries(row).map(([key, value]) => [key, typeof value === 'string' ? change(value) : value]));
}

function mapNumbers(value: JsonValue, change: (value: number) => number): JsonValue {
  if (typeof value === 'number') return change(value);
  if (Array.isArray(value)) return (value as readonly JsonValue[]).map((inner) => mapNumbers(inner, change));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, mapNumbers(inner, change)]));
}
