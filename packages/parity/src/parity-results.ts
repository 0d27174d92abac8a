import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { BackendCensus } from './backends.js';
import type { ParityResult } from './parity-row.js';
import { parityDocument } from './parity-table.js';
import { repositoryRoot } from './repository.js';

const folder = path.join(repositoryRoot, 'docs', 'results');

/** What `pnpm parity` keeps: its measurements, and the backends that this machine lacks. */
export interface StoredParity extends ParityResult {
  readonly absent: BackendCensus['absent'];
}

/** Writes `docs/results/parity.json`. */
export function storeParity(result: StoredParity): void {
  writeFileSync(path.join(folder, 'parity.json'), `${JSON.stringify(result, null, 2)}\n`);
}

/**
 * Writes `docs/results/parity.md` from `parity.json` and, where the Python command has run, `python-parity.json`. Either command calls
 * it, so that the table is whole whichever ran last. Returns the file, or `undefined` if there is no `parity.json` yet.
 */
export function writeParityDocument(): string | undefined {
  const ours = readResult<StoredParity>('parity.json');
  const python = readResult<ParityResult>('python-parity.json');
  if (ours === undefined) return undefined;
  const file = path.join(folder, 'parity.md');
  writeFileSync(file, parityDocument({ ours, absent: ours.absent, ...(python === undefined ? {} : { python }) }));
  return file;
}

function readResult<Result>(name: string): Result | undefined {
  const file = path.join(folder, name);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Result) : undefined;
}
