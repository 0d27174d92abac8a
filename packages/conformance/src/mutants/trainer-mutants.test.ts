import { plugin } from '../../../../plugins/trainer-av-sft/src/plugin.js';
import { describeMutants } from '../__fixtures__/describe-mutants.js';

const options = { rank: 2, alpha: 4, learningRate: 0.02, microBatch: 4, accumulate: 1, maxLength: 64, healthRows: 2, diversityRows: 0 };

describeMutants(plugin, {
  options: { ...options, steps: 4, saveEvery: 2, dropout: 0.1 },
  learning: { ...options, steps: 12, saveEvery: 12, microBatch: 8 },
});
