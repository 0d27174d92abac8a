import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { NlaError } from '@nlakit/core';
import { lastWords, startMeasuringProcess, type MeasuringProcess } from './measuring-process.js';
import { stopIfInterrupted } from './stop-if-interrupted.js';

/** Beside the bundled chunk this stands in once built; the second place is where they lie seen from the source. */
const scripts = ['../peer', '../../peer'].map((path) => fileURLToPath(new URL(path, import.meta.url)));

/** A Python with the libraries that are measured beside this toolkit. */
export interface PeerPython {
  readonly python: string;
  /** Versions of the libraries by name. */
  readonly versions: Readonly<Record<string, string>>;
  /** Starts a script of `peer/` with its settings; resolves when it is ready to measure. Of its facts, `threads` are those that torch computes with. */
  start(script: string, settings: object): Promise<MeasuringProcess>;
}

interface Environment {
  readonly python: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly missing: readonly string[];
}

/**
 * The Python at `command`, which must have `packages`. Throws `E_BENCH_PEER` that says what it lacks, or that it does not run.
 */
export async function openPeerPython(
  command: string,
  packages: readonly string[],
  { cwd, signal }: { readonly cwd: string; readonly signal: AbortSignal },
): Promise<PeerPython> {
  const folder = scripts.find((path) => existsSync(path)) ?? '';
  const fix = `Install them for it (${command} -m pip install torch transformers peft bitsandbytes), or name another Python with --peer.`;
  let environment: Environment;
  try {
    const { stdout } = await promisify(execFile)(command, [join(folder, 'environment.py'), ...packages], { cwd, signal });
    environment = JSON.parse(stdout) as Environment;
  } catch (cause) {
    stopIfInterrupted(signal);
    throw new NlaError('E_BENCH_PEER', {
      message: 'The Python to measure beside does not run.',
      found: `${command}: ${lastWords(cause instanceof Error && 'stderr' in cause ? String(cause.stderr) : '', cause)}`,
      expected: `a Python 3 with ${packages.join(', ')}`,
      fix: 'Name one with --peer, e.g. --peer ~/venv/bin/python.',
      kind: 'input',
      cause,
    });
  }
  const { python, versions, missing } = environment;
  if (missing.length > 0) {
    throw new NlaError('E_BENCH_PEER', {
      message: 'The Python to measure beside lacks packages.',
      found: `${command} (Python ${python}) without ${missing.join(', ')}`,
      expected: packages.join(', '),
      fix,
      kind: 'input',
    });
  }
  return {
    python,
    versions,
    start: (script, settings) =>
      startMeasuringProcess({ command, args: [join(folder, script)], settings, who: 'The Python side', code: 'E_BENCH_PEER', cwd, signal }),
  };
}
