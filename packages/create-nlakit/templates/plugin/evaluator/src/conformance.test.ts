import { describeConformance } from '@nlakit/conformance/vitest';
import { plugin } from './index.js';

describeConformance(
  plugin,
  {
    options: { maxNewTokens: 12 },
    badOptions: [{ rows: 1 }, { batch: 0 }],
    // The summary once more from the stored rows, by other code: nobody has to believe the evaluator.
    recompute: ({ rows }) => {
      const column = (name: string): number[] => rows.map((row) => Number(row[name]));
      const mean = (name: string): number => column(name).reduce((sum, value) => sum + value, 0) / rows.length;
      return {
        n: rows.length,
        f1: mean('f1'),
        otherF1: mean('otherF1'),
        difference: mean('f1') - mean('otherF1'),
        words: mean('words'),
        distinct: new Set(rows.map((row) => row['explanation'] ?? '')).size,
      };
    },
  },
  { out: 'conformance.json' },
);
