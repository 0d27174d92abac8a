import type { Logger, Progress } from '@nlakit/core';
import { formatSeconds } from '@nlakit/run';
import { createColors } from 'picocolors';
import { formatBytes } from './format-bytes.js';
import type { CliIo } from './io.js';

/** A logger that has to be told when it is over, so that no half line stays on the terminal. */
export interface TerminalLogger extends Logger {
  end(): void;
}

/** Seconds between two lines of progress where lines cannot be redrawn. */
const plainInterval = 5;

/**
 * Messages and progress on standard error: redrawn in place on a terminal, in as many lines as the figures need, and one line every few
 * seconds elsewhere. Rate and time left are added to work that does not report its own.
 */
export function createTerminalLogger(io: CliIo, options: { readonly verbose?: boolean; readonly now?: () => number } = {}): TerminalLogger {
  const now = options.now ?? ((): number => performance.now() / 1000);
  const colors = createColors(io.color);
  const begun = new Map<string, { readonly time: number; readonly done: number }>();
  let lastPlain = -Infinity;
  let lastDrawn = -Infinity;
  /** Lines on the terminal that are to be redrawn. */
  let drawn = 0;

  const clear = (): void => {
    if (drawn > 0) io.error(`${'\r\u001b[2K\u001b[1A'.repeat(drawn - 1)}\r\u001b[2K`);
    drawn = 0;
  };
  const line = (text: string): void => {
    clear();
    io.error(`${text}\n`);
  };

  return {
    debug: (message) => {
      if (options.verbose === true) line(colors.dim(message));
    },
    info: (message) => {
      line(message);
    },
    warn: (message) => {
      line(`${colors.yellow('warning')} ${message}`);
    },
    progress(progress) {
      const time = now();
      const finished = progress.total !== undefined && progress.done >= progress.total;
      const start = begun.get(progress.task);
      const restarted = start === undefined || progress.done < start.done;
      const from = restarted ? { time, done: progress.done } : start;
      if (restarted) begun.set(progress.task, from);
      if (finished) begun.delete(progress.task);
      const parts = describe(progress, time - from.time, progress.done - from.done);
      if (!io.terminal) {
        if (!finished && time - lastPlain < plainInterval) return;
        lastPlain = time;
        io.error(`${parts.join('  ')}\n`);
        return;
      }
      if (!finished && time - lastDrawn < 0.05) return;
      lastDrawn = time;
      clear();
      const lines = wrapped(parts, Math.max(10, io.columns - 1));
      io.error(lines.map((text) => colors.cyan(text)).join('\n'));
      drawn = lines.length;
      if (finished) {
        io.error('\n');
        drawn = 0;
      }
    },
    end: clear,
  };
}

/** Parts in lines of at most `width` characters; a part longer than that is cut. */
function wrapped(parts: readonly string[], width: number): string[] {
  const lines: string[] = [];
  for (const part of parts) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 2 + part.length <= width) lines[lines.length - 1] = `${last}  ${part}`;
    else lines.push(part.slice(0, width));
  }
  return lines;
}

function describe(progress: Progress, seconds: number, done: number): string[] {
  const { task, total, unit, figures } = progress;
  const bytes = unit === 'bytes';
  const shown = (value: number): string => (bytes ? formatBytes(value) : String(value));
  const count = `${shown(progress.done)}${total === undefined ? '' : `${bytes ? ' of ' : '/'}${shown(total)}`}${bytes ? '' : ` ${unit}`}`;
  const parts = Object.entries(figures ?? {}).map(([name, value]) => `${name} ${value}`);
  if (figures?.['eta'] === undefined && seconds > 1 && done > 0) {
    const rate = done / seconds;
    if (figures?.['tok/s'] === undefined)
      parts.push(bytes ? `${formatBytes(rate)}/s` : `${rate < 10 ? rate.toPrecision(2) : Math.round(rate)} ${unit}/s`);
    if (total !== undefined && progress.done < total) parts.push(`eta ${formatSeconds((total - progress.done) / rate)}`);
  }
  return [`${task}  ${count}`, ...parts];
}
