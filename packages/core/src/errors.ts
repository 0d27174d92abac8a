const marker: unique symbol = Symbol.for('nlakit.error') as never;

/** What an {@link NlaError} states besides its code. */
export interface NlaErrorDetails {
  /** One sentence: what went wrong. */
  readonly message: string;
  /** What was met, shown as it stands. */
  readonly found?: string;
  /** What would have been accepted. */
  readonly expected?: string;
  /** What the reader can do about it. */
  readonly fix?: string;
  /** The file, and the place in it, that is at fault. Lines and columns count from 1. */
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
  /** `input`: the user's configuration or data is wrong (exit code 2). `failure`: it ran and failed (exit code 1). */
  readonly kind?: 'input' | 'failure';
  readonly cause?: unknown;
}

/**
 * Every error nlakit raises on purpose. `code` is stable (`E_` and upper-case words); the text says what was found, what was
 * expected and what to do. Recognise one with {@link isNlaError}, never with `instanceof`: two copies of core may be installed.
 */
export class NlaError extends Error {
  override readonly name = 'NlaError';
  readonly code: string;
  readonly details: NlaErrorDetails;

  constructor(code: string, details: NlaErrorDetails) {
    super(describe(details), details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.details = details;
    Object.defineProperty(this, marker, { value: true });
  }
}

/** Whether `value` is an {@link NlaError}, also one made by another copy of this package. */
export function isNlaError(value: unknown): value is NlaError {
  return typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[marker] === true;
}

function describe(details: NlaErrorDetails): string {
  const place =
    details.file === undefined ? '' : `${details.file}${details.line === undefined ? '' : `:${details.line}:${details.column ?? 1}`}: `;
  const lines = [`${place}${details.message}`];
  if (details.found !== undefined) lines.push(`  found:    ${details.found}`);
  if (details.expected !== undefined) lines.push(`  expected: ${details.expected}`);
  if (details.fix !== undefined) lines.push(`  to do:    ${details.fix}`);
  return lines.join('\n');
}
