import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { readPromptTemplate, type PromptTemplate } from '@nlakit/chat';
import type { JudgeOptions } from './options.js';

/** The prompts of both questions. */
export interface JudgePrompts {
  readonly choice: PromptTemplate;
  readonly rubric: PromptTemplate;
}

/** File of one of our own prompts. */
export function ownPrompt(name: string): string {
  return fileURLToPath(new URL(`../prompts/${name}.md`, import.meta.url));
}

/** Reads the prompts that the options name, or ours. Throws `E_CHAT_PROMPT`. */
export async function readPrompts(
  { choicePrompt, rubricPrompt }: Pick<JudgeOptions, 'choicePrompt' | 'rubricPrompt'>,
  baseFolder: string,
): Promise<JudgePrompts> {
  const fileOf = (named: string | undefined, ours: string): string =>
    named === undefined ? ownPrompt(ours) : path.resolve(baseFolder, named);
  return {
    choice: await readPromptTemplate(fileOf(choicePrompt, 'choice'), ['explanation', 'candidates']),
    rubric: await readPromptTemplate(fileOf(rubricPrompt, 'rubric'), ['explanation', 'text']),
  };
}
