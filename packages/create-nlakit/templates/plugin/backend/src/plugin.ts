import { definePlugin } from '@nlakit/core';
import { z } from 'zod';
import { createBackend } from './create-backend.js';
import { identity } from './identity.js';

/** What a config names. */
export const plugin = definePlugin<'backend', Record<string, never>>({
  kind: 'backend',
  name: identity.name,
  version: identity.version,
  optionsSchema: z.strictObject({}),
  create: () => createBackend(),
});
