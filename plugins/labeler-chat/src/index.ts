export { plugin, plugin as default } from './plugin.js';
export * from './chat-labeler.js';
export * from './label-text.js';
export * from './options.js';
export * from './parse-features.js';
export * from './parse-verdict.js';
export * from './read-prompts.js';
