import { createSeedStreams } from '@nlakit/run';
import { rowsIn } from './pack.js';
import type { Corpus } from './prepare-corpus.js';
import { planRows, type PlannedRow } from './row-plan.js';
import type { TrainingSession } from './training-sessions.js';

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

/**
 * How many tokens of each stream the first `step` steps of a run read. A session whose number of steps was another followed another
 * plan as far as it went.
 */
export function tokensSeen(
  settings: TrainingSettings,
  corpus: Pick<Corpus, 'streams'>,
  sessions: readonly Pick<TrainingSession, 'fromStep' | 'steps'>[],
  step: number,
): Record<StreamName, number> {
  const seen: Record<StreamName, number> = { glosses: 0, hypernyms: 0, explained: 0 };
  const all = sessions.length === 0 ? [{ fromStep: 0, steps: settings.steps }] : sessions;
  all.forEach(({ fromStep, steps }, index) => {
    const end = Math.min(step, all[index + 1]?.fromStep ?? step);
    const plan = planTraining({ ...settings, steps }, corpus);
    for (const { stream } of plan.rows.slice(fromStep * settings.batch, end * settings.batch)) {
      const name = plan.names[stream];
      if (name !== undefined) seen[name] += settings.rowLength;
    }
  });
  return seen;
}
