export { plugin, plugin as default } from './plugin.js';
export { createCorpusDataset } from './corpus-dataset.js';
export type { CorpusParts } from './corpus-dataset.js';
export { optionsSchema } from './options.js';
export type { CorpusDatasetOptions } from './options.js';
