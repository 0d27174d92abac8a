import path from 'node:path';
import { chatOptionsSchema, createChatClient, mapConcurrently, readPromptTemplate, type ChatContext } from '@nlakit/chat';
import { NlaError } from '@nlakit/core';
import { z } from 'zod';
import { ownPrompt } from './read-prompts.js';

const schema = z.strictObject({
  /** The model that paraphrases, and how it is spoken to. */
  chat: chatOptionsSchema,
  /** Folder of its answers, seen from the config file. */
  answers: z.string().min(1).default('judge-answers'),
  /** File with a prompt of your own, with a place for `{text}`. */
  prompt: z.string().min(1).optional(),
  maxTokens: z.number().int().min(1).default(400),
  temperature: z.number().min(0).max(2).default(0),
});

/** Options of {@link chatParaphraser} as written. */
export type ChatParaphraserOptions = z.input<typeof schema>;

/**
 * A paraphraser for `@nlakit/evaluator-retrieval`: each text in other words, by a chat model; null where it gives none. Answers are kept and
 * can be replayed. Throws `E_CHAT_OPTIONS` and `E_CHAT_PROMPT`; when it paraphrases, what the chat client throws.
 */
export async function chatParaphraser(
  given: ChatParaphraserOptions,
  { baseFolder, ...replaced }: { readonly baseFolder: string } & Pick<ChatContext, 'fetch' | 'clock'>,
): Promise<(texts: readonly string[], context: { readonly signal: AbortSignal }) => Promise<(string | null)[]>> {
  const parsed = schema.safeParse(given);
  if (!parsed.success) {
    throw new NlaError('E_CHAT_OPTIONS', {
      message: 'The options of the paraphraser are wrong.',
      found: z.prettifyError(parsed.error),
      fix: 'Correct them in the config.',
      kind: 'input',
    });
  }
  const { chat, answers, prompt: file, maxTokens, temperature } = parsed.data;
  const prompt = await readPromptTemplate(file === undefined ? ownPrompt('paraphrase') : path.resolve(baseFolder, file), ['text']);
  const silent = (): void => undefined;
  return async (texts, { signal }) => {
    const client = createChatClient(chat, {
      ...replaced,
      cacheFolder: path.resolve(baseFolder, answers),
      signal,
      log: { debug: silent, info: silent, warn: silent, progress: silent },
    });
    return await mapConcurrently(texts, chat.concurrency ?? 8, async (text) => {
      const answer = await client.complete({ ...prompt.fill({ text }), maxTokens, temperature });
      const found = /<paraphrase>([\s\S]*?)<\/paraphrase>/i.exec(answer.text)?.[1]?.trim() ?? '';
      return found === '' || answer.stop === 'refusal' ? null : found;
    });
  };
}
