import { createSeedStreams } from '@nlakit/run';
import { rowsIn } from './pack.js';
import type { Corpus } from './prepare-corpus.js';
import { planRows, type PlannedRow } from './row-plan.js';

/** Name of one of the token streams. */
export type StreamName = keyof Corpus['streams'];

/** Settings of a run that its checkpoints carry and that must not change on the way. */
export interface TrainingSettings {
  readonly seed: number;
  /** Rows of a step. */
  readonly batch: number;
  readonly steps: number;
  /** Share of each stream in the rows. */
  readonly mixture: Readonly<Record<StreamName, number>>;
  /** Tokens of a row. */
  readonly rowLength: number;
}

/** Which rows a run trains on, in order. `stream` of a row indexes `names`. */
export interface TrainingPlan {
  readonly names: readonly StreamName[];
  readonly rows: readonly PlannedRow[];
}

/** The rows of a whole run; the same for the same settings and corpus. */
export function planTraining(settings: TrainingSettings, corpus: Pick<Corpus, 'streams'>): TrainingPlan {
  const { seed, batch, steps, mixture, rowLength } = settings;
  const names = Object.keys(mixture) as StreamName[];
  const streams = names.map((name) => ({ rows: rowsIn(corpus.streams[name], rowLength), share: mixture[name] }));
  return { names, rows: planRows(streams, steps * batch, createSeedStreams(seed).stream('rows')) };
}

/** How many tokens of each stream the first `steps` steps of a plan read. */
export function tokensSeen(plan: TrainingPlan, settings: TrainingSettings, steps: number): Record<StreamName, number> {
  const seen: Record<StreamName, number> = { glosses: 0, hypernyms: 0, explained: 0 };
  for (const { stream } of plan.rows.slice(0, steps * settings.batch)) {
    const name = plan.names[stream];
    if (name !== undefined) seen[name] += settings.rowLength;
  }
  return seen;
}
