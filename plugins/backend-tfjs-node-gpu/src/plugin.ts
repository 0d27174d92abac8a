import { definePlugin } from '@nlakit/core';
import manifest from '../package.json' with { type: 'json' };
import { createTensorflowBackend } from './create-tensorflow-backend.js';
import { optionsSchema, type TensorflowBackendOptions } from './options.js';

/** `backend: { use: "@nlakit/backend-tfjs-node-gpu" }` */
export const plugin = definePlugin<'backend', TensorflowBackendOptions>({
  kind: 'backend',
  name: manifest.name,
  version: manifest.version,
  optionsSchema,
  create: (options) => createTensorflowBackend(options),
});
