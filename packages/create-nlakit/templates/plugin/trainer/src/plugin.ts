import { definePlugin } from '@nlakit/core';
import { createAvTrainer, optionsSchema, type AvSftRecipe } from '@nlakit/trainer-av-sft';
import { identity } from './identity.js';
import { withPerplexity } from './with-perplexity.js';

/** What a config names; its options are those of `@nlakit/trainer-av-sft`. */
export const plugin = definePlugin<'trainer', AvSftRecipe>({
  kind: 'trainer',
  name: identity.name,
  version: identity.version,
  optionsSchema,
  create: (recipe, { baseFolder }) => withPerplexity(createAvTrainer(recipe, baseFolder)),
});
