import { definePlugin } from '@nlakit/core';
import manifest from '../package.json' with { type: 'json' };
import { createChatLabeler } from './chat-labeler.js';
import { optionsSchema, type ChatLabelerOptions } from './options.js';
import { readPrompts } from './read-prompts.js';

/** `labeler: { use: "@nlakit/labeler-chat", options: { chat: { dialect: anthropic, model: some-model }, audit: true } }` */
export const plugin = definePlugin<'labeler', ChatLabelerOptions>({
  kind: 'labeler',
  name: manifest.name,
  version: manifest.version,
  optionsSchema,
  create: async (options, { baseFolder }) => createChatLabeler(options, await readPrompts(options, baseFolder), { baseFolder }),
});
