export * from './adapter-folder.js';
export * from './attach.js';
export * from './create-lora.js';
export * from './exact-targets.js';
export * from './peft-config.js';
export * from './spec.js';
export * from './targets.js';
