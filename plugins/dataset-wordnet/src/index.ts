export { plugin, plugin as default } from './plugin.js';
export * from './choose-rows.js';
export * from './options.js';
export * from './read-activations.js';
export * from './wordnet-contract.js';
export * from './wordnet-dataset.js';
