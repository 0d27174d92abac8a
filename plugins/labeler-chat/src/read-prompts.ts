import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { readPromptTemplate, type PromptTemplate } from '@nlakit/chat';
import type { ChatLabelerOptions } from './options.js';

/** The prompts of both passes; none for a second pass that is not wanted. */
export interface LabelPrompts {
  readonly label: PromptTemplate;
  readonly audit: PromptTemplate | undefined;
}

/** Reads the prompts that the options name, or ours. Throws `E_CHAT_PROMPT`. */
export async function readPrompts(
  { prompt, audit }: Pick<ChatLabelerOptions, 'prompt' | 'audit'>,
  baseFolder: string,
): Promise<LabelPrompts> {
  const fileOf = (named: string | undefined, ours: string): string =>
    named === undefined ? fileURLToPath(new URL(`../prompts/${ours}`, import.meta.url)) : path.resolve(baseFolder, named);
  return {
    label: await readPromptTemplate(fileOf(prompt, 'label.md'), ['text']),
    audit:
      audit === false
        ? undefined
        : await readPromptTemplate(fileOf(audit === true ? undefined : audit.prompt, 'audit.md'), ['text', 'explanation']),
  };
}
