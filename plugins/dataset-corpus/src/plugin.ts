import { definePlugin } from '@nlakit/core';
import manifest from '../package.json' with { type: 'json' };
import { createCorpusDataset } from './corpus-dataset.js';
import { optionsSchema } from './options.js';
import type { CorpusDatasetOptions } from './options.js';

/** `dataset: { use: "@nlakit/dataset-corpus", options: { sources: [{ kind: text, path: ./texts }] } }`, with a `labeler` beside it. */
export const plugin = definePlugin<'dataset', CorpusDatasetOptions>({
  kind: 'dataset',
  name: manifest.name,
  version: manifest.version,
  needs: ['labeler'],
  optionsSchema,
  create: (options, { use, seeds, log, baseFolder }) => createCorpusDataset(options, { labeler: use('labeler'), seeds, log, baseFolder }),
});
