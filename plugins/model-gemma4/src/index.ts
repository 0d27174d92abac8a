export * from './config.js';
export * from './gemma4-model.js';
export * from './inventory.js';
export * from './loader.js';
export * from './plugin.js';
export * from './segments.js';
export * from './tokenizer.js';
export * from './weight-source.js';
export { plugin as default } from './plugin.js';
