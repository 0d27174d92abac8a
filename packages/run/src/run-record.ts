import { readFile, readdir } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import { NlaError } from '@nlakit/core';
import manifest from '../package.json' with { type: 'json' };
import { isLitter, writeFileAtomically } from './file-writing.js';
import type { BackendChoice } from './choose-backend.js';
import type { RunPreparation } from './resolve-run.js';
import { readEvents } from './event-log.js';
import { differences, type ResolvedRun, type ResolvedSlot } from './resolved-run.js';
import { machineFacts, type MachineFacts } from './machine-facts.js';
import { lockFileName } from './run-lock.js';
import { runLayout } from './run-layout.js';

/** `run.json`: the resolved run with where and when it was made. Never edited. */
export interface RunRecord extends ResolvedRun {
  readonly nlakit: string;
  /**
   * ISO 8601; also the `created_at` of every checkpoint, so that a resumed run writes the bytes of one that never stopped. The time the
   * run was made, or that of the environment variable `SOURCE_DATE_EPOCH`, with which two runs write the same bytes.
   */
  readonly createdAt: string;
  /** Folder of the config, relative to the run folder. */
  readonly configFolder: string;
  readonly machine: MachineFacts;
  /** Why this backend, where the config said `auto`. */
  readonly backendChoice?: string;
}

/** Version of this package, for `created_by`. */
export const nlakitVersion: string = manifest.version;

/**
 * Opens the run folder for a prepared run: writes `run.json` into a new one, and accepts an existing one only if it holds the same run.
 * Throws what {@link existingRun} throws, and `E_WRITE`.
 */
export async function openRunFolder(
  folder: string,
  preparation: RunPreparation,
  options: { readonly allowBackendChange?: boolean; readonly choice?: BackendChoice | undefined } = {},
): Promise<RunRecord> {
  const { resolved, configFolder } = preparation;
  const existing = await existingRun(folder, preparation, options);
  if (existing !== undefined) return existing;
  const record: RunRecord = {
    ...resolved,
    nlakit: nlakitVersion,
    createdAt: creationTime(process.env['SOURCE_DATE_EPOCH']),
    configFolder: relative(resolve(folder), configFolder).replaceAll('\\', '/') || '.',
    machine: machineFacts(),
    ...(options.choice === undefined ? {} : { backendChoice: `auto: ${options.choice.use}, ${options.choice.reason}` }),
  };
  await writeFileAtomically(runLayout(folder).runFile, `${JSON.stringify(record, null, 2)}\n`);
  return record;
}

/** Now, or the seconds since 1970 that the convention of reproducible builds states. */
function creationTime(epoch: string | undefined): string {
  if (epoch === undefined || epoch === '') return new Date().toISOString();
  const time = new Date(Number(epoch) * 1000);
  if (/^\d+$/.test(epoch) && !Number.isNaN(time.getTime())) return time.toISOString();
  throw new NlaError('E_USAGE', {
    message: 'The environment variable SOURCE_DATE_EPOCH is wrong.',
    found: epoch,
    expected: 'whole seconds since 1970',
    kind: 'input',
  });
}

/** The backend a run is at: its own, or the one that somebody changed to. */
export async function presentBackend(folder: string, record: RunRecord): Promise<ResolvedSlot> {
  const changes = (await readEvents(runLayout(folder).eventsFile)).filter((event) => event.stage === 'run' && event.type === 'backend');
  return changes.at(-1)?.to ?? record.backend;
}

/**
 * The run that a folder holds, if it is the prepared one; undefined for a new or empty folder. Nothing is written.
 * Throws `E_RUN_EXISTS` with what differs, `E_BACKEND_CHANGED` if that is the backend alone and was not asked for, or `E_RUN_RECORD`.
 */
export async function existingRun(
  folder: string,
  { resolved }: RunPreparation,
  options: { readonly allowBackendChange?: boolean } = {},
): Promise<RunRecord | undefined> {
  const existing = await readRecordIfAny(folder);
  if (existing !== undefined) {
    const found = differences({ ...existing, backend: await presentBackend(folder, existing) }, resolved);
    if (found.length === 0) return existing;
    if (found.every((path) => path.startsWith('backend.'))) {
      if (options.allowBackendChange === true) return existing;
      throw new NlaError('E_BACKEND_CHANGED', {
        message: 'This run was made with another backend, which rounds differently: it would not go on to the same numbers.',
        file: folder,
        found: found.join('; '),
        expected: 'the backend of the run',
        fix: 'Go on with that one (`nla doctor` says what is wrong with it; install it if it is gone), or say --allow-backend-change: the change will be recorded in the run and in its later checkpoints.',
        kind: 'input',
      });
    }
    throw new NlaError('E_RUN_EXISTS', {
      message: 'This folder holds a run with other settings, and runs are never overwritten.',
      file: folder,
      found: found.slice(0, 8).join('; '),
      expected: 'the settings of its run.json',
      fix: 'Name another folder with --run-dir, give the config another name, or undo the change.',
      kind: 'input',
    });
  }
  const strangers = (await readdir(folder).catch(() => [])).filter((name) => name !== lockFileName && !isLitter(name));
  if (strangers.length > 0) {
    throw new NlaError('E_RUN_EXISTS', {
      message: 'This folder is not empty and holds no run.',
      file: folder,
      found: strangers.slice(0, 5).join(', '),
      expected: 'a new or empty folder, or one with a run.json',
      fix: 'Name another folder with --run-dir.',
      kind: 'input',
    });
  }
  return undefined;
}

/** Reads `run.json`. Throws `E_RUN_MISSING` or `E_RUN_RECORD`. */
export async function readRunRecord(folder: string): Promise<RunRecord> {
  const record = await readRecordIfAny(folder);
  if (record === undefined) {
    throw new NlaError('E_RUN_MISSING', {
      message: 'This is no run folder.',
      file: folder,
      found: 'no run.json',
      expected: 'a folder made by `nla run` or `nla train`',
      kind: 'input',
    });
  }
  return record;
}

async function readRecordIfAny(folder: string): Promise<RunRecord | undefined> {
  const file = runLayout(folder).runFile;
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new NlaError('E_RUN_RECORD', { message: 'The run cannot be read.', file, found: String(code), kind: 'input', cause: error });
  }
  try {
    const record = JSON.parse(text) as RunRecord;
    if (record.schema !== 1 || typeof record.hash !== 'string') throw new Error('schema and hash are not those of a run');
    return record;
  } catch (cause) {
    throw new NlaError('E_RUN_RECORD', {
      message: 'run.json is damaged or of another version.',
      file,
      found: cause instanceof Error ? cause.message : String(cause),
      fix: 'Restore the file; nlakit never edits it.',
      kind: 'input',
      cause,
    });
  }
}
