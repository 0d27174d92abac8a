export { plugin, plugin as default } from './plugin.js';
export { createEmbeddingInjector } from './embedding-injector.js';
export type { EmbeddingInjector } from './embedding-injector.js';
export { optionsSchema } from './options.js';
export type { EmbeddingInjectorOptions } from './options.js';
export { locateSlots } from './locate.js';
export { applyVectors } from './apply.js';
export { GUARD_RANGE, guardScale } from './guard.js';
