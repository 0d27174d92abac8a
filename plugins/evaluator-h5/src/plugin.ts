import { definePlugin } from '@nlakit/core';
import manifest from '../package.json' with { type: 'json' };
import { evaluateH5 } from './evaluate-h5.js';
import { optionsSchema } from './options.js';
import type { H5Options } from './options.js';

/** `evaluators: [{ id: h5, use: "@nlakit/evaluator-h5", options: { rows: 200 } }]` */
export const plugin = definePlugin<'evaluator', H5Options>({
  kind: 'evaluator',
  name: manifest.name,
  version: manifest.version,
  optionsSchema,
  create: (options) => ({
    name: manifest.name,
    evaluate: (context) => evaluateH5(context, options, { name: manifest.name, version: manifest.version }),
  }),
});
