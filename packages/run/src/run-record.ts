import { readFile, readdir } from 'node:fs/promises';
import { arch, availableParallelism, cpus, platform, totalmem } from 'node:os';
import { relative, resolve } from 'node:path';
import { NlaError } from '@nlakit/core';
import manifest from '../package.json' with { type: 'json' };
import { writeFileAtomically } from './file-writing.js';
import type { RunPreparation } from './resolve-run.js';
import { differences, type ResolvedRun } from './resolved-run.js';
import { runLayout } from './run-layout.js';

/** `run.json`: the resolved run with where and when it was made. Never edited. */
export interface RunRecord extends ResolvedRun {
  readonly nlakit: string;
  /** ISO 8601; also the `created_at` of every checkpoint, so that a resumed run writes the bytes of one that never stopped. */
  readonly createdAt: string;
  /** Folder of the config, relative to the run folder. */
  readonly configFolder: string;
  readonly machine: {
    readonly node: string;
    readonly platform: string;
    readonly cpu: string;
    readonly cores: number;
    readonly memoryBytes: number;
  };
}

/** Version of this package, for `created_by`. */
export const nlakitVersion: string = manifest.version;

/**
 * Opens the run folder for a prepared run: writes `run.json` into a new one, and accepts an existing one only if it holds the same run.
 * Throws `E_RUN_EXISTS` with what differs, or `E_WRITE`.
 */
export async function openRunFolder(folder: string, preparation: RunPreparation): Promise<RunRecord> {
  const { resolved, configFolder } = preparation;
  const existing = await readRecordIfAny(folder);
  if (existing !== undefined) {
    if (existing.hash === resolved.hash) return existing;
    const found = differences(existing, resolved);
    throw new NlaError('E_RUN_EXISTS', {
      message: 'This folder holds a run with other settings, and runs are never overwritten.',
      file: folder,
      found: found.length === 0 ? `hash ${existing.hash}` : found.slice(0, 8).join('; '),
      expected: 'the settings of its run.json',
      fix: 'Name another folder with --run-dir, give the config another name, or undo the change.',
      kind: 'input',
    });
  }
  const strangers = await readdir(folder).catch(() => []);
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
  const record: RunRecord = {
    ...resolved,
    nlakit: nlakitVersion,
    createdAt: new Date().toISOString(),
    configFolder: relative(resolve(folder), configFolder).replaceAll('\\', '/') || '.',
    machine: {
      node: process.version,
      platform: `${platform()} ${arch()}`,
      cpu: cpus()[0]?.model.trim() ?? 'unknown',
      cores: availableParallelism(),
      memoryBytes: totalmem(),
    },
  };
  await writeFileAtomically(runLayout(folder).runFile, `${JSON.stringify(record, null, 2)}\n`);
  return record;
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
