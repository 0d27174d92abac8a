export { plugin, plugin as default } from './plugin.js';
export * from './ar-health.js';
export * from './create-ar-trainer.js';
export * from './direction-loss.js';
export * from './options.js';
