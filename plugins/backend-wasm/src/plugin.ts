import { definePlugin } from '@nlakit/core';
import manifest from '../package.json' with { type: 'json' };
import { createWasmBackend } from './create-wasm-backend.js';
import { optionsSchema } from './options.js';
import type { WasmBackendOptions } from './options.js';

/** `backend: { use: "@nlakit/backend-wasm" }` */
export const plugin = definePlugin<'backend', WasmBackendOptions>({
  kind: 'backend',
  name: manifest.name,
  version: manifest.version,
  optionsSchema,
  create: (options) => createWasmBackend(options),
});
