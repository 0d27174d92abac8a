import { definePlugin } from '@nlakit/core';
import { createParquetDataset } from '@nlakit/dataset-parquet';
import { identity } from './identity.js';
import { optionsSchema, type ShortenedOptions } from './options.js';
import { shortenedDataset } from './shortened-dataset.js';

/** What a config names. */
export const plugin = definePlugin<'dataset', ShortenedOptions>({
  kind: 'dataset',
  name: identity.name,
  version: identity.version,
  optionsSchema,
  create: ({ words, ...files }, { baseFolder }) => shortenedDataset(createParquetDataset(files, baseFolder), words),
});
