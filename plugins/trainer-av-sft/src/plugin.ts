import { definePlugin } from '@nlakit/core';
import manifest from '../package.json' with { type: 'json' };
import { createAvTrainer } from './create-av-trainer.js';
import { type AvSftRecipe, optionsSchema } from './options.js';

/** `trainers: { av: { use: "@nlakit/trainer-av-sft", options: { steps: 500, saveEvery: 50, rank: 64 } } }` */
export const plugin = definePlugin<'trainer', AvSftRecipe>({
  kind: 'trainer',
  name: manifest.name,
  version: manifest.version,
  optionsSchema,
  create: (recipe, { baseFolder }) => createAvTrainer(recipe, baseFolder),
});
