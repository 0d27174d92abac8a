import { describeConformance } from '@nlakit/conformance/vitest';
import { recomputeH5, type StoredH5 } from '@nlakit/recheck';
import { plugin } from './index.js';

describeConformance(plugin, {
  options: { maxNewTokens: 12, bootstrap: 100, permutations: 100 },
  badOptions: [{ rows: 0 }, { dialect: 'other' }],
  recompute: (stored) => recomputeH5(stored as unknown as StoredH5),
});
