import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { NlaError } from '@nlakit/core';
import { stopIfInterrupted } from './stop-if-interrupted.js';

/** One thing that another process measured once. */
export interface Measurement {
  readonly seconds: number;
  /** Largest resident memory of its process so far, bytes. */
  readonly peakBytes: number;
  /** What else it says, such as seconds of a part, or what it computed. */
  readonly [figure: string]: number | string | readonly number[];
}

/** Another process that has prepared and measures whenever it is asked to. */
export interface MeasuringProcess {
  /** What it says of what it made. */
  readonly facts: Readonly<Record<string, number | string>>;
  /** Seconds from its start until it was ready. */
  readonly startSeconds: number;
  measure(): Promise<Measurement>;
  close(): Promise<void>;
}

/** How to start one, and how to speak of it when it fails. */
export interface MeasuringProgram {
  readonly command: string;
  readonly args: readonly string[];
  /** What is written to it first, as a line of JSON. */
  readonly settings?: object;
  /** `The Python side` */
  readonly who: string;
  readonly code: string;
  readonly cwd: string;
  readonly signal: AbortSignal;
}

/**
 * Starts a process that prints its facts as a line of JSON once it is ready, and a {@link Measurement} for each further line that it is
 * sent. It ends when its input does. Throws an error of that code if it ends before.
 */
export async function startMeasuringProcess(program: MeasuringProgram): Promise<MeasuringProcess> {
  const { command, args, settings, who, code: errorCode, cwd, signal } = program;
  const started = performance.now();
  const child = spawn(command, args, { cwd, stdio: 'pipe' });
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
    throw new NlaError(errorCode, {
      message: `${who} could not measure: it ${how}.`,
      found: lastWords(errors, how),
      expected: 'one answer for each thing it is asked to measure',
      fix: 'See what it says; `ended by SIGKILL` usually means that the machine has too little memory for both sides.',
    });
  };
  if (settings !== undefined) child.stdin.write(`${JSON.stringify(settings)}\n`);
  const facts = await answer<Readonly<Record<string, number | string>>>();
  return {
    facts,
    startSeconds: (performance.now() - started) / 1000,
    measure() {
      child.stdin.write('\n');
      return answer<Measurement>();
    },
    async close() {
      signal.removeEventListener('abort', stop);
      child.stdin.end();
      await ended;
    },
  };
}

/** The last lines of what a process wrote, or else what is known of its end. */
export function lastWords(written: string, cause: unknown): string {
  const lines = written.trim().split('\n').slice(-3).join(' | ');
  if (lines !== '') return lines;
  return cause instanceof Error ? cause.message : String(cause);
}
