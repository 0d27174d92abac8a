import { definePlugin } from '@nlakit/core';
import manifest from '../package.json' with { type: 'json' };
import { optionsSchema } from './options.js';
import type { WordnetDatasetOptions } from './options.js';
import { createWordnetDataset } from './wordnet-dataset.js';

/** `dataset: { use: "@nlakit/dataset-wordnet", options: { rowsPerTopic: 200, heldOutPerTopic: 20 } }` */
export const plugin = definePlugin<'dataset', WordnetDatasetOptions>({
  kind: 'dataset',
  name: manifest.name,
  version: manifest.version,
  optionsSchema,
  create: (options, context) => createWordnetDataset(options, context.seeds),
});
