import { definePlugin } from '@nlakit/core';
import manifest from '../package.json' with { type: 'json' };
import { optionsSchema } from './options.js';
import type { ParquetDatasetOptions } from './options.js';
import { createParquetDataset } from './parquet-dataset.js';

/** `dataset: { use: "@nlakit/dataset-parquet", options: { avSft: ./av_sft.parquet, arSft: ./ar_sft.parquet, heldOut: ./rl.parquet } }` */
export const plugin = definePlugin<'dataset', ParquetDatasetOptions>({
  kind: 'dataset',
  name: manifest.name,
  version: manifest.version,
  optionsSchema,
  create: (options, context) => createParquetDataset(options, context.baseFolder),
});
