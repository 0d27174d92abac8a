export { plugin, plugin as default } from './plugin.js';
export * from './describe-text.js';
export * from './options.js';
export * from './wordnet-labeler.js';
