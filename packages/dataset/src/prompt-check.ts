import { NlaError } from '@nlakit/core';
import { INJECTION_PLACEHOLDER } from '@nlakit/sidecar';
import { PROMPT_SLOT } from './columns.js';

/** An AV prompt as a file stores it. */
export interface StoredPrompt {
  /** The template, `{injection_char}` where the file has `<INJECT>` or the marker itself. */
  readonly template: string;
  /** Whether it is a chat message (a list of one), not a raw text. */
  readonly chat: boolean;
}

/**
 * Reads a value of the column `prompt` of an AV or RL file: a list with one message of a user, or a text. The slot is the literal
 * `<INJECT>`, or the marker where the writer has put it in already. `E_DATASET_PROMPT` for anything else.
 */
export function readStoredPrompt(value: unknown, file: string, injectionChar: string | null = null): StoredPrompt {
  const messages: unknown[] = Array.isArray(value) ? value : [{ role: 'user', content: value }];
  const [message] = messages as { readonly role?: unknown; readonly content?: unknown }[];
  if (messages.length !== 1 || message?.role !== 'user' || typeof message.content !== 'string') {
    throw promptError(file, shown(value), 'one message with role user, or a text');
  }
  const marked =
    !message.content.includes(PROMPT_SLOT) && injectionChar !== null
      ? message.content.split(injectionChar).join(INJECTION_PLACEHOLDER)
      : message.content.split(PROMPT_SLOT).join(INJECTION_PLACEHOLDER);
  if (marked.split(INJECTION_PLACEHOLDER).length !== 2) {
    throw promptError(file, shown(message.content), `${PROMPT_SLOT} once, where the marker goes`);
  }
  return { template: marked, chat: Array.isArray(value) };
}

/** Checks that a stored AV prompt is the template of the sidecar with its slot open, or `E_DATASET_PROMPT`. */
export function checkStoredPrompt(value: unknown, template: string, injectionChar: string | null, file: string): void {
  const stored = readStoredPrompt(value, file, injectionChar).template;
  if (stored === template) return;
  throw promptError(file, shown(stored), `the AV template of the sidecar: ${shown(template)}`);
}

function promptError(file: string, found: string, expected: string): NlaError {
  return new NlaError('E_DATASET_PROMPT', {
    message: 'The prompts in the data file cannot be used.',
    found,
    expected,
    fix: 'Data file and sidecar must come from the same build; a chat of several messages is not supported.',
    file,
    kind: 'input',
  });
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 160 ? `${text.slice(0, 160)}…` : text;
}
