import { definePlugin } from '@nlakit/core';
import manifest from '../package.json' with { type: 'json' };
import { createEmbeddingInjector } from './embedding-injector.js';
import { optionsSchema } from './options.js';
import type { EmbeddingInjectorOptions } from './options.js';

/** `injector: { use: "@nlakit/injector-embedding", options: { scale: sqrt_d_model } }` */
export const plugin = definePlugin<'injector', EmbeddingInjectorOptions>({
  kind: 'injector',
  name: manifest.name,
  version: manifest.version,
  optionsSchema,
  create: (options) => createEmbeddingInjector(options),
});
