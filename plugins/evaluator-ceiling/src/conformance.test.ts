import { describeConformance } from '@nlakit/conformance/vitest';
import { plugin } from './index.js';

describeConformance(plugin, {
  options: { maxNewTokens: 12, bootstrap: 100, permutations: 100, probeRows: 24, minimumPerClass: 2 },
  badOptions: [{ rows: 1 }, { folds: 1 }],
});
