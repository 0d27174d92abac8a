import { NlaError } from '@nlakit/core';
import type { NlaContract, NlaRow, Tokenizer } from '@nlakit/core';
import { avPrompt, type AvPrompt } from '../av-prompt.js';
import { explanationClose, explanationOpen } from '../parse-explanation.js';

/** One row as the verbalizer is trained on it. */
export interface AvExample {
  readonly id: string;
  readonly documentId: string;
  /** Prompt, then response. */
  readonly tokens: Int32Array;
  /** 1 at the response's tokens, the ones the loss is taken on; as long as `tokens`. */
  readonly responseMask: Uint8Array;
  /** Number of response tokens. */
  readonly responseTokens: number;
  /** Position of the marker. */
  readonly slot: number;
}

/**
 * Prompt and target of one labelled row. The target is `<explanation>`, the row's explanation exactly as the dataset holds it (with the
 * newlines around it, if it has any), `</explanation>` and EOS; the opening tag is left out where the prompt already ends with it.
 * Prompt and response are tokenized apart, because at inference the prompt stands alone.
 *
 * @param prompt the contract's prompt, if the caller has built it already.
 * @throws `E_ROW_UNLABELLED` for a row without explanation.
 */
export function buildAvExample(
  row: NlaRow,
  contract: NlaContract,
  tokenizer: Tokenizer,
  prompt: AvPrompt = avPrompt(contract, tokenizer),
): AvExample {
  if (row.explanation === undefined) {
    throw new NlaError('E_ROW_UNLABELLED', { message: 'A training row has no explanation.', found: row.id, kind: 'input' });
  }
  const response = tokenizer.encode((prompt.opened ? '' : explanationOpen) + row.explanation + explanationClose, { special: false });
  const length = prompt.ids.length + response.length + 1;
  const tokens = new Int32Array(length);
  tokens.set(prompt.ids);
  tokens.set(response, prompt.ids.length);
  tokens[length - 1] = tokenizer.eosId;
  const responseMask = new Uint8Array(length).fill(1, prompt.ids.length);
  return { id: row.id, documentId: row.documentId, tokens, responseMask, responseTokens: response.length + 1, slot: prompt.slot };
}
