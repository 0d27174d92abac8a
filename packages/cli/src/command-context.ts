import { basename, dirname, resolve } from 'node:path';
import { NlaError } from '@nlakit/core';
import { isStepFolder, parseOverride, stepOfName, type ConfigOverride, type RunHost } from '@nlakit/run';
import type { CliIo } from './io.js';
import type { TerminalLogger } from './terminal-logger.js';

/** Options every command has. */
export interface CommonOptions {
  readonly json?: boolean;
  readonly runDir?: string;
  readonly backend?: string;
  readonly set?: readonly string[];
}

/** What a command works with. */
export interface CommandContext {
  readonly io: CliIo;
  readonly log: TerminalLogger;
  readonly host: RunHost;
  readonly common: CommonOptions;
  /** Prints the result: `data` with `--json`, else the text. */
  print(data: unknown, text: () => string): void;
}

/** `--set` and `--backend` as overrides of a config. */
export function overridesOf({ common }: CommandContext): ConfigOverride[] {
  const overrides = (common.set ?? []).map(parseOverride);
  if (common.backend !== undefined) overrides.push({ path: 'backend.use', value: common.backend });
  return overrides;
}

/** The run folder that belongs to a config: `--run-dir`, or left to the run's own default below the working directory. */
export function runFolderOption({ common, io }: CommandContext): { readonly runFolder: string } | { readonly runsFolder: string } {
  return common.runDir === undefined ? { runsFolder: resolve(io.cwd, 'runs') } : { runFolder: resolve(io.cwd, common.runDir) };
}

/** A run folder, or one step folder inside one. */
export interface RunTarget {
  readonly runFolder: string;
  readonly step?: number;
  readonly role?: 'av' | 'ar';
}

/** Reads an argument that names a run folder or a step folder of it. Throws `E_RUN_MISSING` through what opens it later. */
export async function runTarget(path: string, { io }: CommandContext): Promise<RunTarget> {
  const folder = resolve(io.cwd, path);
  const step = stepOfName(basename(folder));
  if (step === undefined || !(await isStepFolder(folder))) return { runFolder: folder };
  const parent = basename(dirname(folder));
  return { runFolder: dirname(dirname(folder)), step, role: parent === 'reconstructor' ? 'ar' : 'av' };
}

/** Parses a list of whole numbers: `50,100`. Throws `E_USAGE`. */
export function wholeNumbers(text: string, option: string): number[] {
  const numbers = text.split(',').map((part) => (part.trim() === '' ? NaN : Number(part)));
  if (numbers.some((number) => !Number.isSafeInteger(number) || number < 0)) throw usage(option, text, 'whole numbers from 0, with commas');
  return numbers;
}

/** Parses one whole number. Throws `E_USAGE`. */
export function wholeNumber(text: string, option: string, least = 1): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < least) throw usage(option, text, `a whole number from ${least}`);
  return number;
}

/** A wrong argument. */
export function usage(option: string, found: string, expected: string): NlaError {
  return new NlaError('E_USAGE', { message: `${option} is wrong.`, found, expected, kind: 'input' });
}
