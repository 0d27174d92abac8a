// A labeler of your own is a plugin like any other: one file, named in the config as `./folder-labeler.mjs#plugin`.
// This one says which folder a text lies in and what the last words are that were read: `animal. last words: a large tree.`
import { definePlugin } from '@nlakit/core';

/** How many of the last words are named. */
const words = 3;

/** What can be said of one item; a text without words is dropped, with the reason. */
function label({ id, text, meta }) {
  const last = (text.match(/[\p{L}\p{N}]+/gu) ?? []).slice(-words);
  if (last.length === 0) return { id, explanation: null, reason: 'no words' };
  const fields = { topic: meta?.family ?? 'text', last: last.join(' ') };
  return { id, explanation: `${fields.topic}. last words: ${fields.last}.`, labeler: 'folder-labeler', fields };
}

export const plugin = definePlugin({
  kind: 'labeler',
  name: 'folder-labeler',
  version: '1.0.0',
  // Anything with the Standard Schema interface can check options, for instance a zod schema; this labeler has none.
  optionsSchema: { '~standard': { version: 1, vendor: 'folder-labeler', validate: () => ({ value: {} }) } },
  create: () => ({
    name: 'folder-labeler',
    // Goes into the sidecars; labels are made again when it changes.
    describe: () => ({ method: 'rule', template: '{topic}. last words: {last}.', words }),
    label: async (items) => items.map(label),
  }),
});
