import type { ParityContext } from './parity-context.js';
import type { ParityRow } from './parity-row.js';

/** What a comparison found. */
export interface Measurement {
  readonly maxError: number;
  /** Where the largest error is, or what else belongs to the number. */
  readonly note?: string;
}

/** One quantity of ours beside a reference's. */
export interface Comparison {
  readonly group: string;
  readonly comparison: string;
  readonly reference: string;
  readonly quantity: string;
  /** The comparison passes if the largest error is not above it. */
  readonly tolerance: number;
  /** `host`: plain JavaScript, the same on every backend, measured once. */
  readonly place: 'backend' | 'host';
  run(context: ParityContext): Promise<Measurement>;
}

/** What the numbers of a column are: largest absolute difference. */
export const maxAbsolute = 'max |Δ|';
/** Largest absolute difference over the largest magnitude in the reference's tensor. */
export const maxRelative = 'max |Δ| / max |reference|';

/** Measures one comparison on the current backend. What the comparison throws is a failed row with the message in its note. */
export async function measure(comparison: Comparison, context: ParityContext): Promise<ParityRow> {
  const { group, comparison: name, reference, quantity, tolerance, place } = comparison;
  const backend = place === 'host' ? 'host' : context.backend;
  const row = { group, comparison: name, backend, reference, quantity, tolerance };
  try {
    const { maxError, note } = await comparison.run(context);
    return { ...row, maxError, passed: maxError <= tolerance, ...(note === undefined ? {} : { note }) };
  } catch (error) {
    return { ...row, maxError: Infinity, passed: false, note: error instanceof Error ? error.message : String(error) };
  }
}
