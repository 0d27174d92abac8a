import { definePlugin } from '@nlakit/core';
import { evaluateWords } from './evaluate-words.js';
import { identity } from './identity.js';
import { optionsSchema, type WordsOptions } from './options.js';

/** What a config names. */
export const plugin = definePlugin<'evaluator', WordsOptions>({
  kind: 'evaluator',
  name: identity.name,
  version: identity.version,
  optionsSchema,
  create: (options) => ({ name: identity.name, evaluate: (context) => evaluateWords(context, options, identity) }),
});
