import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { NlaError } from '@nlakit/core';
import { stopIfInterrupted } from './stop-if-interrupted.js';

/** Beside the bundled chunk this stands in once built; the second place is where they lie seen from the source. */
const scripts = ['../peer', '../../peer'].map((path) => fileURLToPath(new URL(path, import.meta.url)));

/** A Python with the libraries that are measured beside this toolkit. */
export interface PeerPython {
  readonly python: string;
  /** Versions of the libraries by name. */
  readonly versions: Readonly<Record<string, string>>;
  /** Starts a script of `peer/` with its settings; resolves when it is ready to measure. */
  start(script: string, settings: object): Promise<PeerProcess>;
}

/** One thing that Python measured once. */
export interface PeerMeasurement {
  readonly seconds: number;
  /** Largest resident memory of its process so far, bytes. */
  readonly peakBytes: number;
  /** What else the script says, such as seconds of a part. */
  readonly [figure: string]: number | string;
}

/** A script that has prepared and measures whenever it is asked to. */
export interface PeerProcess {
  /** What the script says of what it made; `threads`: those that torch computes with. */
  readonly facts: Readonly<Record<string, number | string>>;
  /** Seconds from its start until it was ready. */
  readonly startSeconds: number;
  measure(): Promise<PeerMeasurement>;
  close(): Promise<void>;
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
  return { python, versions, start: (script, settings) => startScript(command, join(folder, script), settings, { cwd, signal }) };
}

async function startScript(
  command: string,
  script: string,
  settings: object,
  { cwd, signal }: { readonly cwd: string; readonly signal: AbortSignal },
): Promise<PeerProcess> {
  const started = performance.now();
  const child = spawn(command, [script], { cwd, stdio: 'pipe' });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors = (errors + text).slice(-8192)));
  // What is written to a process that has ended is no news: its end is.
  child.stdin.on('error', () => undefined);
  const ended = new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code, killed) => resolve(killed === null ? `ended with ${code}` : `was ended by ${killed}`));
  });
  const stop = (): void => void child.kill();
  signal.addEventListener('abort', stop, { once: true });

  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async <Answer>(): Promise<Answer> => {
    const { value, done } = await lines.next();
    if (done !== true) return JSON.parse(value) as Answer;
    const how = await ended;
    stopIfInterrupted(signal);
    throw new NlaError('E_BENCH_PEER', {
      message: `The Python side could not measure: it ${how}.`,
      found: lastWords(errors, how),
      expected: 'one answer for each thing it is asked to measure',
      fix: 'See what it says; `ended by SIGKILL` usually means that the machine has too little memory for both sides.',
    });
  };
  child.stdin.write(`${JSON.stringify(settings)}\n`);
  const facts = await answer<Readonly<Record<string, number | string>>>();
  return {
    facts,
    startSeconds: (performance.now() - started) / 1000,
    measure() {
      child.stdin.write('\n');
      return answer<PeerMeasurement>();
    },
    async close() {
      signal.removeEventListener('abort', stop);
      child.stdin.end();
      await ended;
    },
  };
}

/** The last lines of what a process wrote, or else what is known of its end. */
function lastWords(written: string, cause: unknown): string {
  const lines = written.trim().split('\n').slice(-3).join(' | ');
  if (lines !== '') return lines;
  return cause instanceof Error ? cause.message : String(cause);
}
