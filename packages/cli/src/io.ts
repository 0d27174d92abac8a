/** Where a command reads and writes. The process's own streams in use, buffers in tests. */
export interface CliIo {
  readonly out: (text: string) => void;
  readonly error: (text: string) => void;
  /** Whether `error` is a terminal: progress is then redrawn in place. */
  readonly terminal: boolean;
  /** Whether a person can be asked. */
  readonly interactive: boolean;
  readonly color: boolean;
  /** Width of the terminal in characters. */
  readonly columns: number;
  readonly cwd: string;
  readonly signal: AbortSignal;
}

/** Streams and facts of this process. */
export function processIo(signal: AbortSignal): CliIo {
  const noColor = (process.env['NO_COLOR'] ?? '') !== '' || process.env['TERM'] === 'dumb';
  return {
    out: (text) => void process.stdout.write(text),
    error: (text) => void process.stderr.write(text),
    terminal: process.stderr.isTTY === true && process.env['TERM'] !== 'dumb',
    interactive: process.stdin.isTTY === true && process.stdout.isTTY === true,
    color: process.stderr.isTTY === true && !noColor,
    columns: process.stderr.columns ?? 100,
    cwd: process.cwd(),
    signal,
  };
}
