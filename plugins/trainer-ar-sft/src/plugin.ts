import { definePlugin } from '@nlakit/core';
import manifest from '../package.json' with { type: 'json' };
import { createArTrainer } from './create-ar-trainer.js';
import { type ArSftRecipe, optionsSchema } from './options.js';

/** `trainers: { ar: { use: "@nlakit/trainer-ar-sft", options: { steps: 500, saveEvery: 100, rank: 64 } } }` */
export const plugin = definePlugin<'trainer', ArSftRecipe>({
  kind: 'trainer',
  name: manifest.name,
  version: manifest.version,
  optionsSchema,
  create: (recipe, { baseFolder }) => createArTrainer(recipe, baseFolder),
});
