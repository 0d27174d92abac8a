import { describeConformance } from '@nlakit/conformance/vitest';
import { plugin } from './index.js';

const options = { rank: 2, alpha: 4, learningRate: 0.02, microBatch: 4, accumulate: 2, maxLength: 64, healthRows: 4, diversityRows: 2 };

describeConformance(
  plugin,
  {
    options: { ...options, steps: 6, saveEvery: 3 },
    learning: { ...options, steps: 16, saveEvery: 16, accumulate: 1, microBatch: 8 },
    badOptions: [{ steps: 0 }, { targets: '(' }],
  },
  { out: 'conformance.json' },
);
