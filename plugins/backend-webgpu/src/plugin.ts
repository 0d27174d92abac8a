import { definePlugin } from '@nlakit/core';
import manifest from '../package.json' with { type: 'json' };
import { createWebgpuBackend } from './create-webgpu-backend.js';
import { optionsSchema } from './options.js';
import type { WebgpuBackendOptions } from './options.js';

/** `backend: { use: "@nlakit/backend-webgpu" }` */
export const plugin = definePlugin<'backend', WebgpuBackendOptions>({
  kind: 'backend',
  name: manifest.name,
  version: manifest.version,
  optionsSchema,
  create: (options, { baseFolder }) => createWebgpuBackend(options, baseFolder),
});
