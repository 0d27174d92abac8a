export * from './bitsandbytes.js';
export * from './nf4-array.js';
export * from './nf4-linear.js';
export * from './nf4-packer.js';
export * from './nf4-quantizer.js';
export * from './quantize-checkpoint.js';
export { plugin, plugin as default } from './plugin.js';
