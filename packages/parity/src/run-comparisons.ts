import type { Comparison } from './comparison.js';
import { measure } from './comparison.js';
import { createContext } from './parity-context.js';
import type { ParityRow } from './parity-row.js';

/** Measures all of one place's comparisons on the current backend. */
export async function runComparisons(
  comparisons: readonly Comparison[],
  place: Comparison['place'],
  backend: string,
  each?: (row: ParityRow) => void,
): Promise<ParityRow[]> {
  const context = createContext({ backend });
  const rows: ParityRow[] = [];
  try {
    for (const comparison of comparisons) {
      if (comparison.place !== place) continue;
      const row = await measure(comparison, context);
      rows.push(row);
      each?.(row);
    }
  } finally {
    await context.dispose();
  }
  return rows;
}
