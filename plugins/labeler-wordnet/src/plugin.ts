import { definePlugin } from '@nlakit/core';
import manifest from '../package.json' with { type: 'json' };
import { optionsSchema, type WordnetLabelerOptions } from './options.js';
import { createWordnetLabeler } from './wordnet-labeler.js';

/** `labeler: { use: "@nlakit/labeler-wordnet" }` */
export const plugin = definePlugin<'labeler', WordnetLabelerOptions>({
  kind: 'labeler',
  name: manifest.name,
  version: manifest.version,
  optionsSchema,
  create: (options) => createWordnetLabeler(options),
});
