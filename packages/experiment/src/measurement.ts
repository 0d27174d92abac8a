import { NlaError } from '@nlakit/core';
import { openRun, readEvaluation, runLayout, sha256File, type RunRecord, type StoredEvaluation } from '@nlakit/run';
import type { ExperimentConfig } from './experiment-config.js';
import { rowFigure } from './row-figure.js';
import { wantedSteps, type PlannedRun } from './run-plan.js';

/** A figure's value by row id. */
export type RowValues = ReadonlyMap<string, number>;

/** One step of one run, measured. */
export interface Cell {
  readonly arm: string;
  readonly seed: number | null;
  readonly step: number;
  readonly folder: string;
  readonly record: RunRecord;
  readonly evaluation: StoredEvaluation;
  readonly evaluationSha256: string;
  readonly seconds: { readonly training: number; readonly evaluation: number };
  readonly values: RowValues;
  /** Means over the rows that have them of the figures that are only tabulated. */
  readonly also: Readonly<Record<string, number>>;
}

/** Everything an experiment measured. */
export interface Measurement {
  readonly cells: readonly Cell[];
  /** Document of each row. */
  readonly documents: ReadonlyMap<string, string>;
}

/**
 * Reads the evaluations of an experiment's runs. Throws `E_EXPERIMENT_FIGURE` where the rows do not have the figure,
 * `E_EXPERIMENT_RECONSTRUCTOR` where arms were read by different reconstructors, `E_EXPERIMENT_STEPS` where runs of an arm differ in steps,
 * `E_EXPERIMENT_ROWS` where an id stands for two documents.
 */
export async function readMeasurement(runs: readonly PlannedRun[], config: ExperimentConfig): Promise<Measurement> {
  const cells: Cell[] = [];
  const documents = new Map<string, string>();
  for (const run of runs) {
    if (run.role === 'shared') continue;
    const { record, events } = await openRun(run.folder);
    const times = await events();
    const training = times.reduce(
      (sum, event) => (event.stage === 'train' && event.type === 'step' ? sum + (event.figures['seconds'] ?? 0) : sum),
      0,
    );
    for (const step of await wantedSteps(run.folder, config)) {
      const file = runLayout(run.folder).evaluation(config.evaluator.id, step);
      const evaluation = await readEvaluation(file);
      if (evaluation === undefined) throw missing(file);
      const evaluated = times.filter((event) => event.stage === 'eval' && event.type === 'evaluation' && event.step === step).at(-1);
      cells.push({
        arm: run.arm,
        seed: run.seed,
        step,
        folder: run.folder,
        record,
        evaluation,
        evaluationSha256: await sha256File(file),
        seconds: { training, evaluation: evaluated?.type === 'evaluation' ? evaluated.seconds : 0 },
        ...valuesOf(evaluation, config, file, documents),
      });
    }
  }
  checkReconstructors(cells, config);
  checkSteps(cells, config);
  return { cells, documents };
}

function valuesOf(evaluation: StoredEvaluation, config: ExperimentConfig, file: string, documents: Map<string, string>) {
  const figure = rowFigure(config.figure);
  const values = new Map<string, number>();
  for (const row of evaluation.rows) {
    const { id, documentId } = row;
    const value = figure(row);
    if (typeof id !== 'string' || value === undefined) continue;
    const document = typeof documentId === 'string' ? documentId : id;
    if ((documents.get(id) ?? document) !== document) {
      throw new NlaError('E_EXPERIMENT_ROWS', {
        message: 'A row id stands for different documents in different arms: their rows are not the same and cannot be compared.',
        file,
        found: `${id} of ${document}, elsewhere of ${documents.get(id) ?? ''}`,
        fix: 'Give all arms the same held-out rows: a shared run with its data, or one dataset.',
        kind: 'input',
      });
    }
    documents.set(id, document);
    values.set(id, value);
  }
  if (values.size === 0) {
    throw new NlaError('E_EXPERIMENT_FIGURE', {
      message: 'The rows of the evaluation do not have the figure that the experiment compares.',
      file,
      found: config.figure,
      expected: `numbers such as ${numbersOf(evaluation.rows[0] ?? {})
        .slice(0, 12)
        .join(', ')}`,
      kind: 'input',
    });
  }
  const also = Object.fromEntries(
    (config.also ?? []).flatMap((name) => {
      const found = evaluation.rows.flatMap((row) => rowFigure(name)(row) ?? []);
      return found.length === 0 ? [] : [[name, found.reduce((sum, value) => sum + value, 0) / found.length]];
    }),
  );
  return { values, also };
}

/** Paths of the numbers in a row. */
function numbersOf(value: unknown, path = ''): string[] {
  if (typeof value === 'number') return [path];
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [];
  return Object.entries(value).flatMap(([key, item]) => numbersOf(item, path === '' ? key : `${path}.${key}`));
}

function checkReconstructors(cells: readonly Cell[], { matchedReconstructor, arms }: ExperimentConfig): void {
  const found = new Map(cells.map(({ arm, evaluation }) => [evaluation.reconstructor.sha256, arm]));
  if (matchedReconstructor === false || arms.length < 2 || found.size < 2) return;
  throw new NlaError('E_EXPERIMENT_RECONSTRUCTOR', {
    message: 'The arms were read by different reconstructors, so their figures differ for two reasons.',
    found: [...found].map(([sha256, arm]) => `${arm}: ${sha256.slice(0, 12)}`).join(', '),
    expected: 'one reconstructor for all arms',
    fix: 'Make it in a shared run (`shared:`), name one in the configs (`reconstructor:`), or say `matchedReconstructor: false` and mean it.',
    kind: 'input',
  });
}

function checkSteps(cells: readonly Cell[], { arms }: ExperimentConfig): void {
  for (const { id } of arms) {
    const own = cells.filter(({ arm }) => arm === id);
    const seeds = [...new Set(own.map(({ seed }) => seed))];
    const lists = new Set(
      seeds.map((one) =>
        own
          .filter(({ seed }) => seed === one)
          .map(({ step }) => step)
          .join(', '),
      ),
    );
    if (lists.size < 2) continue;
    throw new NlaError('E_EXPERIMENT_STEPS', {
      message: `The runs of arm "${id}" do not have the same steps.`,
      found: [...lists].join(' and '),
      fix: 'Let the arm save at the same steps with every seed.',
      kind: 'input',
    });
  }
}

function missing(file: string): NlaError {
  return new NlaError('E_EXPERIMENT_ROWS', {
    message: 'An evaluation of the experiment is missing.',
    file,
    fix: 'Run `nla experiment` again; it makes what is missing.',
    kind: 'input',
  });
}
