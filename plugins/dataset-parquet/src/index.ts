export { plugin, plugin as default } from './plugin.js';
export { createParquetDataset } from './parquet-dataset.js';
export { optionsSchema } from './options.js';
export type { ParquetDatasetOptions } from './options.js';
