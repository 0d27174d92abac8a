import { resolve } from 'node:path';
import { definePlugin } from '@nlakit/core';
import { directoryPublisher } from '@nlakit/publisher-directory';
import { identity } from './identity.js';
import { leavingOut } from './leaving-out.js';
import { optionsSchema, type SelectiveOptions } from './options.js';

/** What a config names. */
export const plugin = definePlugin<'publisher', SelectiveOptions>({
  kind: 'publisher',
  name: identity.name,
  version: identity.version,
  optionsSchema,
  create: ({ to, leaveOut }, { baseFolder }) => leavingOut(directoryPublisher(resolve(baseFolder, to)), leaveOut, identity.name),
});
