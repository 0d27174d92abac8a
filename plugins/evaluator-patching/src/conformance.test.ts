import { describeConformance } from '@nlakit/conformance/vitest';
import type { Evaluation } from '@nlakit/core';
import { plugin } from './index.js';

/** The mean of a figure over the stored rows. */
const meanOf = (rows: Evaluation['rows'], figure: (row: Evaluation['rows'][number]) => unknown): number =>
  rows.reduce((sum, row) => sum + Number(figure(row)), 0) / rows.length;

describeConformance(plugin, {
  options: { maxNewTokens: 12, bootstrap: 100, permutations: 100 },
  badOptions: [{ rows: 1 }, { minimumAgreement: 2 }],
  recompute: ({ rows }) => {
    const costOf = (row: Evaluation['rows'][number], name: string) => Number((row['divergence'] as Record<string, number>)[name]);
    const names = ['ORIGINAL', 'AV_OUT', 'GOLD', 'SHUFFLED', 'MEAN', 'RANDOM', 'ZERO'];
    return {
      n: rows.length,
      cosine: { value: meanOf(rows, ({ cosine }) => cosine) },
      patched: Object.fromEntries(names.map((name) => [name, { divergence: { value: meanOf(rows, (row) => costOf(row, name)) } }])),
      saved: { SHUFFLED: { value: meanOf(rows, (row) => costOf(row, 'SHUFFLED') - costOf(row, 'AV_OUT')) } },
    };
  },
});
