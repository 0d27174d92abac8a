import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NlaError } from '@nlakit/core';
import { writeFileAtomically } from './file-writing.js';
import { stepsOf } from './eval-stage.js';
import { runLayout, stepName } from './run-layout.js';
import { lockRun } from './run-lock.js';

/** Name of the file in a run, and in what is published of it, that says which steps of the trajectory are retracted. */
export const RETRACTIONS_FILE = 'retractions.json';

/** One thing that was said about steps; entries are added and never changed. */
export interface RetractionEntry {
  /** `restore` takes a retraction back. */
  readonly action: 'retract' | 'restore';
  readonly steps: readonly number[];
  /** Empty where a retraction was taken back without one. */
  readonly reason: string;
  /** ISO 8601. */
  readonly at: string;
}

/** The retraction of a step that holds. */
export interface Retraction {
  readonly step: number;
  readonly reason: string;
  /** ISO 8601. */
  readonly at: string;
  /** Place of its entry in the history, from 0. */
  readonly entry: number;
}

/** What was retracted, in the order in which it was said, and what of it holds now. */
export interface Retractions {
  readonly history: readonly RetractionEntry[];
  /** By step, ascending. */
  readonly steps: ReadonlyMap<number, Retraction>;
}

/**
 * Reads the retractions of a run, or of a folder laid out by a publisher; none where nothing was ever retracted. Throws `E_RETRACTIONS`
 * for a damaged file: a retraction must not be lost because it cannot be read.
 */
export async function readRetractions(folder: string): Promise<Retractions> {
  const file = join(folder, RETRACTIONS_FILE);
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if (['ENOENT', 'ENOTDIR'].includes(String((error as NodeJS.ErrnoException).code))) return undefined;
    throw damaged(file, error);
  });
  return text === undefined ? retractionsOf([]) : parseRetractions(text, file);
}

/** The retractions in the text of a {@link RETRACTIONS_FILE}. Throws `E_RETRACTIONS`. */
export function parseRetractions(text: string, file: string): Retractions {
  try {
    const { schema, history } = JSON.parse(text) as { readonly schema?: unknown; readonly history?: unknown };
    if (schema !== 1 || !Array.isArray(history) || !history.every(isEntry))
      throw new Error('schema or history are not those of retractions');
    return retractionsOf(history);
  } catch (cause) {
    throw damaged(file, cause);
  }
}

/** How steps are retracted, or a retraction is taken back. */
export interface RetractOptions {
  readonly steps: readonly number[];
  readonly reason: string;
  readonly undo?: boolean;
  /** Default: now. */
  readonly at?: Date;
}

/**
 * Retracts steps of the trajectory in a run or in a folder laid out by a publisher, or takes that back. The checkpoints stay; what was said
 * before stays in the history. Saying the same again changes nothing.
 *
 * Throws `E_STEP_MISSING` for steps that the trajectory does not have, `E_RETRACTION_REASON` without a reason, `E_NOT_RETRACTED` for an undo of what
 * is not retracted, `E_RETRACTIONS`, `E_RUN_LOCKED` and `E_WRITE`.
 */
export async function retractSteps(folder: string, { steps, reason, undo = false, at = new Date() }: RetractOptions): Promise<Retractions> {
  const wanted = [...new Set(steps)].sort((a, b) => a - b);
  const text = reason.replace(/\s+/g, ' ').trim();
  if (!undo && text === '') {
    throw new NlaError('E_RETRACTION_REASON', {
      message: 'A retraction needs a reason: it is what readers of the card learn.',
      expected: 'what is wrong with these steps, in a sentence',
      kind: 'input',
    });
  }
  const trajectory = runLayout(folder).checkpoints('av');
  const available = await stepsOf(trajectory);
  const missing = wanted.filter((step) => !available.includes(step));
  if (missing.length > 0 || wanted.length === 0) {
    throw new NlaError('E_STEP_MISSING', {
      message: wanted.length === 0 ? 'No step is named.' : 'These steps are not in the trajectory.',
      file: trajectory,
      found: missing.join(', ') || 'none',
      expected: available.length === 0 ? 'at least one step folder' : `some of ${available.join(', ')}`,
      kind: 'input',
    });
  }
  const lock = await lockRun(folder);
  try {
    const before = await readRetractions(folder);
    const strangers = wanted.filter((step) => !before.steps.has(step));
    if (undo && strangers.length > 0) {
      throw new NlaError('E_NOT_RETRACTED', {
        message: 'These steps are not retracted, so there is nothing to take back.',
        file: join(folder, RETRACTIONS_FILE),
        found: strangers.join(', '),
        expected: [...before.steps.keys()].join(', ') || 'nothing is retracted here',
        kind: 'input',
      });
    }
    const changed = undo ? wanted : wanted.filter((step) => before.steps.get(step)?.reason !== text);
    if (changed.length === 0) return before;
    const entry: RetractionEntry = { action: undo ? 'restore' : 'retract', steps: changed, reason: text, at: at.toISOString() };
    const history = [...before.history, entry];
    await writeFileAtomically(join(folder, RETRACTIONS_FILE), `${JSON.stringify({ schema: 1, history }, null, 2)}\n`);
    return retractionsOf(history);
  } finally {
    await lock.release();
  }
}

/** The warning for whoever opens a retracted step. */
export function retractionWarning({ step, reason }: Pick<Retraction, 'step' | 'reason'>): {
  readonly code: string;
  readonly message: string;
} {
  return { code: 'W_STEP_RETRACTED', message: `${stepName(step)} is retracted: ${reason}` };
}

function retractionsOf(history: readonly RetractionEntry[]): Retractions {
  const steps = new Map<number, Retraction>();
  history.forEach(({ action, steps: named, reason, at }, entry) => {
    for (const step of named) {
      if (action === 'retract') steps.set(step, { step, reason, at, entry });
      else steps.delete(step);
    }
  });
  return { history, steps: new Map([...steps].sort(([a], [b]) => a - b)) };
}

function isEntry(value: unknown): value is RetractionEntry {
  if (typeof value !== 'object' || value === null) return false;
  const { action, steps, reason, at } = value as Readonly<Record<string, unknown>>;
  return (
    (action === 'retract' || action === 'restore') &&
    Array.isArray(steps) &&
    steps.every((step) => Number.isSafeInteger(step)) &&
    typeof reason === 'string' &&
    typeof at === 'string'
  );
}

function damaged(file: string, cause: unknown): NlaError {
  return new NlaError('E_RETRACTIONS', {
    message: 'The list of retracted steps is damaged, and without it retracted steps would pass for good ones.',
    file,
    found: cause instanceof Error ? cause.message : String(cause),
    expected: '{ "schema": 1, "history": [ … ] } as `nla retract` writes it',
    fix: 'Restore the file, from what is published for instance.',
    kind: 'input',
    cause,
  });
}
