import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { NlaError } from '@nlakit/core';
import type { ChatRequest } from './chat-types.js';

/** A prompt kept in a file. */
export interface PromptTemplate {
  /** sha256 (hex) of the file. */
  readonly sha256: string;
  /** The messages with values in place of `{names}`. What is put in is never searched for names again. */
  fill(values: Readonly<Record<string, string>>): Pick<ChatRequest, 'system' | 'messages'>;
}

/**
 * Reads a prompt. Above a line `---` stands the system message (who the model is to be), below it the user's; without such a line all is
 * the user's. Throws `E_CHAT_PROMPT` for a file that cannot be read, is empty or lacks one of the `placeholders`.
 */
export async function readPromptTemplate(file: string, placeholders: readonly string[]): Promise<PromptTemplate> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw promptError(file, { message: 'A prompt cannot be read.', fix: 'Correct the path; it starts at the config file.', cause });
  }
  const [above = '', ...below] = text.split(/^---[ \t]*\r?$/m);
  const system = below.length === 0 ? '' : above.trim();
  const user = (below.length === 0 ? above : below.join('---')).trim();
  const missing = placeholders.filter((name) => !`${system}${user}`.includes(`{${name}}`));
  if (user === '' || missing.length > 0) {
    throw promptError(file, {
      message: user === '' ? 'The prompt holds no message for the user’s turn.' : 'The prompt has no place for what it is about.',
      found: user === '' ? 'an empty file, or nothing below the line ---' : `no ${missing.map((name) => `{${name}}`).join(', ')}`,
      expected: `a text with ${placeholders.map((name) => `{${name}}`).join(', ')}`,
    });
  }
  return {
    sha256: createHash('sha256').update(text).digest('hex'),
    fill(values) {
      const put = (part: string): string =>
        part.replace(/\{(\w+)\}/g, (whole, name: string) => (Object.hasOwn(values, name) ? (values[name] ?? '') : whole));
      return { ...(system === '' ? {} : { system: put(system) }), messages: [{ role: 'user', content: put(user) }] };
    },
  };
}

function promptError(
  file: string,
  details: {
    readonly message: string;
    readonly found?: string;
    readonly expected?: string;
    readonly fix?: string;
    readonly cause?: unknown;
  },
): NlaError {
  return new NlaError('E_CHAT_PROMPT', { file, kind: 'input', ...details });
}
