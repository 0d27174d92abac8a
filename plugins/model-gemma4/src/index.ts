export * from './config.js';
export * from './gemma4-model.js';
export * from './inventory.js';
export * from './segments.js';
export * from './weight-source.js';
