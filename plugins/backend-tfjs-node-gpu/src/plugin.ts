import { definePlugin } from '@nlakit/core';
import manifest from '../package.json' with { type: 'json' };
import { createTensorflowBackend } from './create-tensorflow-backend.js';
import { optionsSchema, type TensorflowBackendOptions } from './options.js';
import { currentEngine } from './tensorflow-engine.js';

/** `backend: { use: "@nlakit/backend-tfjs-node-gpu" }` */
export const plugin = definePlugin<'backend', TensorflowBackendOptions>({
  kind: 'backend',
  name: manifest.name,
  version: manifest.version,
  optionsSchema,
  async create(options, { log }) {
    const backend = await createTensorflowBackend(options);
    const { addon, origin } = currentEngine().modules;
    if (addon === undefined)
      log.info(`${origin}: \`nla backend install tensorflow\` adds kernels that make small models several times as fast`);
    return backend;
  },
});
