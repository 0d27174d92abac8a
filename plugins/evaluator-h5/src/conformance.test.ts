import { describeConformance } from '@nlakit/conformance/vitest';
import { recomputeSummary, type StoredEvaluation } from './__fixtures__/recompute-summary.js';
import { plugin } from './index.js';

describeConformance(plugin, {
  options: { maxNewTokens: 12, bootstrap: 100, permutations: 100 },
  badOptions: [{ rows: 0 }, { dialect: 'other' }],
  recompute: (stored) => recomputeSummary(stored as unknown as StoredEvaluation),
});
