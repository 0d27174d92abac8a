import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Python } from './python.js';

/** Where comparisons with Python work: a folder for files that both sides read, and what they share across backends. */
export interface Lab {
  readonly python: Python;
  /** Path of a file or folder in the lab's folder. */
  place(...parts: string[]): string;
  /** Something that several comparisons look at, made once whatever the backend. It must not depend on the backend. */
  once<Result>(name: string, make: () => Promise<Result>): Promise<Result>;
  /** Removes the folder. */
  dispose(): Promise<void>;
}

/** Opens a lab in a temporary folder. */
export async function createLab(python: Python): Promise<Lab> {
  const folder = await mkdtemp(path.join(tmpdir(), 'nlakit-parity-'));
  const made = new Map<string, Promise<unknown>>();
  return {
    python,
    place: (...parts) => path.join(folder, ...parts),
    once<Result>(name: string, make: () => Promise<Result>) {
      const result = (made.get(name) as Promise<Result> | undefined) ?? make();
      made.set(name, result);
      return result;
    },
    dispose: () => rm(folder, { recursive: true, force: true }),
  };
}
