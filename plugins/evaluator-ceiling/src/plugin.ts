import { definePlugin } from '@nlakit/core';
import manifest from '../package.json' with { type: 'json' };
import { evaluateCeiling } from './evaluate-ceiling.js';
import { optionsSchema } from './options.js';
import type { CeilingOptions } from './options.js';

/** `evaluators: [{ id: ceiling, use: "@nlakit/evaluator-ceiling", options: { rows: 200 } }]` */
export const plugin = definePlugin<'evaluator', CeilingOptions>({
  kind: 'evaluator',
  name: manifest.name,
  version: manifest.version,
  optionsSchema,
  create: (options) => ({
    name: manifest.name,
    evaluate: (context) => evaluateCeiling(context, options, { name: manifest.name, version: manifest.version }),
  }),
});
