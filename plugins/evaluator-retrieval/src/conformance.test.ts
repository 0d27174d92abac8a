import { describeConformance } from '@nlakit/conformance/vitest';
import type { Evaluation } from '@nlakit/core';
import { plugin } from './index.js';

/** The mean of a figure over the stored rows. */
const meanOf = (rows: Evaluation['rows'], figure: (row: Evaluation['rows'][number]) => unknown): number =>
  rows.reduce((sum, row) => sum + Number(figure(row)), 0) / rows.length;

describeConformance(plugin, {
  options: { maxNewTokens: 12, bootstrap: 100, permutations: 100 },
  badOptions: [{ rows: 1 }, { templateShare: 2 }],
  recompute: ({ rows }) => ({ n: rows.length, cosine: { value: meanOf(rows, ({ cosine }) => cosine) } }),
});
