import { definePlugin, type Label } from '@nlakit/core';
import { noOptions } from './toy-plugins.js';

/** How many questions the labeler has been asked. */
export const questions = { asked: 0 };


const kept = new Map<string, Label>();

/** Labels whose answers cost something and are kept: small, and right. */
export const exampleLabeler = definePlugin<'labeler', object>({
  kind: 'labeler',
  name: 'labeler-example',
  version: '1.0.0',
  optionsSchema: noOptions,
  create: () => ({
    name: 'labeler-example',
    describe: () => ({ method: 'the topic of the item' }),
    label: (items, { cacheFolder, signal }) =>
      Promise.resolve(
        items.map(({ id, text, meta }) => {
          signal.throwIfAborted();
          const key = JSON.stringify([cacheFolder, id, text]);
          const known = kept.get(key);
          if (known !== undefined) return known;
          questions.asked += 1;
          const label = { id, explanation: `topic: ${meta?.['topic'] ?? 'none'}`, labeler: 'labeler-example' };
          kept.set(key, label);
          return label;
        }),
      ),
    estimate: (items) => Promise.resolve({ figures: { items: items.length }, warnings: [] }),
  }),
});
