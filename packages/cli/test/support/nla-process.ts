import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** The date that all runs bear, so that their bytes can be compared. */
export const sourceDate = '1700000000';

/** How a process ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly error: string;
}

/** `nla` in a process of its own, from the sources as they are now. */
export interface NlaProcess {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

/** Starts `nla` in `folder`. Runs that it makes all bear the same date, so that their bytes can be compared. */
export function startNla(folder: string, args: readonly string[]): NlaProcess {
  // The test runner's NODE_PATH leads to the built packages, which need not be those of the sources.
  const { NODE_PATH: _, ...environment } = process.env;
  const child = spawn(
    process.execPath,
    ['--conditions=@nlakit/source', '--import', file('register-source.mjs'), file('../../src/bin.ts'), ...args],
    { cwd: folder, env: { ...environment, SOURCE_DATE_EPOCH: sourceDate }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let out = '';
  let error = '';
  child.stdout.on('data', (piece: Buffer) => (out += piece.toString()));
  child.stderr.on('data', (piece: Buffer) => (error += piece.toString()));
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      resolve({ code, signal, out, error });
    });
  });
  return { child, ended };
}
