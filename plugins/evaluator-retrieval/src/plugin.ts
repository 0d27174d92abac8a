import { definePlugin } from '@nlakit/core';
import manifest from '../package.json' with { type: 'json' };
import { evaluateRetrieval } from './evaluate-retrieval.js';
import { loadExtensions } from './extensions.js';
import { optionsSchema } from './options.js';
import type { RetrievalOptions } from './options.js';

/** `evaluators: [{ id: retrieval, use: "@nlakit/evaluator-retrieval", options: { rows: 200 } }]` */
export const plugin = definePlugin<'evaluator', RetrievalOptions>({
  kind: 'evaluator',
  name: manifest.name,
  version: manifest.version,
  optionsSchema,
  create: async (options, { baseFolder }) => {
    const extensions = await loadExtensions(options, baseFolder);
    return {
      name: manifest.name,
      evaluate: (context) => evaluateRetrieval(context, options, extensions, { name: manifest.name, version: manifest.version }),
    };
  },
});
