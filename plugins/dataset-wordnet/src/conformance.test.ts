import { describeConformance } from '@nlakit/conformance/vitest';
import { fakeModel } from './__fixtures__/fake-model.js';
import { plugin } from './index.js';

describeConformance(plugin, {
  options: { rowsPerTopic: 3, heldOutPerTopic: 1, batch: 16 },
  badOptions: [{ rowsPerTopic: 0 }, { shareTrainingRows: false, rowsPerTopic: 1 }],
  context: () => ({ model: fakeModel() }),
});
