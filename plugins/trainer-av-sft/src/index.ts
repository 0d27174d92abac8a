export { plugin, plugin as default } from './plugin.js';
export * from './av-health.js';
export * from './check-injection.js';
export * from './create-av-trainer.js';
export * from './options.js';
export * from './response-loss.js';
