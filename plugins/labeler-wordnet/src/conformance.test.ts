import { describeConformance } from '@nlakit/conformance/vitest';
import { fakeModel } from '../../dataset-wordnet/src/__fixtures__/fake-model.js';
import { plugin } from './index.js';

describeConformance(plugin, {
  badOptions: [{ words: 0 }, { contextTokens: 1 }],
  parts: {
    model: () => {
      const model = fakeModel();
      return { describe: () => Promise.reject(new Error('not asked for')), load: () => Promise.resolve(model) };
    },
  },
});
