import { definePlugin } from '@nlakit/core';
import { identity } from './identity.js';
import { labelText } from './label-text.js';
import { optionsSchema, type KeywordOptions } from './options.js';

/** What a config names. */
export const plugin = definePlugin<'labeler', KeywordOptions>({
  kind: 'labeler',
  name: identity.name,
  version: identity.version,
  optionsSchema,
  create: ({ topics }) => ({
    name: identity.name,
    // Whatever the labels depend on belongs here: data made with another description is other data.
    describe: () => ({ method: 'keywords', version: identity.version, topics }),
    label: async (items, { signal }) =>
      items.map(({ id, text, token }) => {
        signal.throwIfAborted();
        const label = labelText(text, token, topics);
        return label === undefined
          ? { id, explanation: null, reason: 'no keyword of any topic occurs in the text' }
          : { id, labeler: identity.name, ...label };
      }),
  }),
});
