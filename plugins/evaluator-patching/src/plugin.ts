import { definePlugin } from '@nlakit/core';
import manifest from '../package.json' with { type: 'json' };
import { evaluatePatching } from './evaluate-patching.js';
import { optionsSchema } from './options.js';
import type { PatchingOptions } from './options.js';

/** `evaluators: [{ id: patching, use: "@nlakit/evaluator-patching", options: { rows: 200 } }]` */
export const plugin = definePlugin<'evaluator', PatchingOptions>({
  kind: 'evaluator',
  name: manifest.name,
  version: manifest.version,
  optionsSchema,
  create: (options) => ({
    name: manifest.name,
    evaluate: (context) => evaluatePatching(context, options, { name: manifest.name, version: manifest.version }),
  }),
});
