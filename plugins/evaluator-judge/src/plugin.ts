import path from 'node:path';
import { checkKey } from '@nlakit/chat';
import { definePlugin } from '@nlakit/core';
import manifest from '../package.json' with { type: 'json' };
import { evaluateJudge } from './evaluate-judge.js';
import { optionsSchema, type JudgeOptions } from './options.js';
import { readPrompts } from './read-prompts.js';

/** `evaluators: [{ id: judge, use: "@nlakit/evaluator-judge", options: { chat: { dialect: anthropic, model: some-model } } }]` */
export const plugin = definePlugin<'evaluator', JudgeOptions>({
  kind: 'evaluator',
  name: manifest.name,
  version: manifest.version,
  optionsSchema,
  create: async (options, { baseFolder }) => {
    const prompts = await readPrompts(options, baseFolder);
    // Explanations take the verbalizer its time: whoever has no key is told before.
    await checkKey(options.chat, path.resolve(baseFolder, options.answers));
    return {
      name: manifest.name,
      evaluate: (context) => evaluateJudge(context, options, { prompts, baseFolder, name: manifest.name, version: manifest.version }),
    };
  },
});
