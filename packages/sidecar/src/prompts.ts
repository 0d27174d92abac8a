import { NlaError } from '@nlakit/core';
import type { NlaContract, Tokenizer } from '@nlakit/core';
import { EXPLANATION_PLACEHOLDER, fillTemplate, INJECTION_PLACEHOLDER } from './templates.js';

/**
 * Token ids of the AV prompt, the marker in its place. A chat prompt already holds BOS, so nothing is added to it; a raw prompt gets the
 * special tokens of the tokenizer. `E_PROMPT_BOS` if BOS then stands twice at the beginning (the slot would be off by one);
 * `E_PROMPT_CHAT` if a chat prompt is asked of a tokenizer without chat template.
 */
export function avPromptIds(contract: Pick<NlaContract, 'templates' | 'tokens'>, tokenizer: Tokenizer): Int32Array {
  const text = fillTemplate(contract.templates.av, INJECTION_PLACEHOLDER, contract.tokens.injectionChar);
  if (!contract.templates.avChat) return checkBos(tokenizer.encode(text, { special: true }), tokenizer);
  if (tokenizer.applyChatTemplate === undefined) {
    throw new NlaError('E_PROMPT_CHAT', {
      message: 'The AV prompt is a chat prompt, but the model has no chat template.',
      fix: 'Use the instruction-tuned model named in the sidecar, or a raw AV template (prompt_format.av_chat: false).',
      kind: 'input',
    });
  }
  const prompt = tokenizer.applyChatTemplate([{ role: 'user', content: text }]);
  return checkBos(tokenizer.encode(prompt, { special: false }), tokenizer);
}

/** Token ids of the AR prompt for one explanation: a raw string with special tokens. `E_PROMPT_BOS` as {@link avPromptIds}. */
export function arPromptIds(contract: Pick<NlaContract, 'templates'>, tokenizer: Tokenizer, explanation: string): Int32Array {
  const text = fillTemplate(contract.templates.ar, EXPLANATION_PLACEHOLDER, explanation);
  return checkBos(tokenizer.encode(text, { special: true }), tokenizer);
}

function checkBos(ids: Int32Array, tokenizer: Tokenizer): Int32Array {
  if (ids.length < 2 || ids[0] !== tokenizer.bosId || ids[1] !== tokenizer.bosId) return ids;
  throw new NlaError('E_PROMPT_BOS', {
    message: 'The prompt begins with two BOS tokens.',
    found: `ids ${Array.from(ids.slice(0, 4)).join(' ')} …`,
    expected: 'one BOS',
    fix: 'Leave BOS out of raw templates: the tokenizer adds it.',
    kind: 'input',
  });
}
