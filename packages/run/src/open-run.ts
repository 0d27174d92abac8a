import { join, resolve } from 'node:path';
import type { SplitName } from '@nlakit/core';
import { readManifest, type DataManifest } from './data-stage.js';
import { readEvaluation, stepsOf, type StoredEvaluation } from './eval-stage.js';
import { readEvents } from './event-log.js';
import { namesIn } from './file-writing.js';
import type { RunEvent } from './run-event.js';
import { runLayout, type Role, type RunLayout } from './run-layout.js';
import { readRunRecord, type RunRecord } from './run-record.js';

/** A run folder as read: for reports, publishing and anything else that looks at results. */
export interface OpenedRun {
  readonly folder: string;
  readonly layout: RunLayout;
  readonly record: RunRecord;
  readonly data: DataManifest | undefined;
  events(): Promise<RunEvent[]>;
  /** Steps with a checkpoint, ascending. */
  steps(role: Role): Promise<number[]>;
  /** All stored evaluations, by evaluator id and step. */
  evaluations(): Promise<StoredEvaluation[]>;
  /** Rows and hash of a split, if the data stage is done. */
  split(name: SplitName): { readonly rows: number; readonly sha256: string } | undefined;
}

/** Opens a run folder for reading. Throws `E_RUN_MISSING` or `E_RUN_RECORD`. */
export async function openRun(folder: string): Promise<OpenedRun> {
  const absolute = resolve(folder);
  const layout = runLayout(absolute);
  const record = await readRunRecord(absolute);
  const data = await readManifest(layout.dataManifest);
  return {
    folder: absolute,
    layout,
    record,
    data,
    events: () => readEvents(layout.eventsFile),
    steps: (role) => stepsOf(layout.checkpoints(role)),
    async evaluations() {
      const found: StoredEvaluation[] = [];
      for (const id of await namesIn(join(absolute, 'eval'))) {
        for (const step of await stepsOf(layout.evaluations(id))) {
          const evaluation = await readEvaluation(layout.evaluation(id, step));
          if (evaluation !== undefined) found.push(evaluation);
        }
      }
      return found;
    },
    split: (name) => data?.splits[name],
  };
}
