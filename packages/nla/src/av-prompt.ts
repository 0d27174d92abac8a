import { NlaError } from '@nlakit/core';
import type { NlaContract, Tokenizer } from '@nlakit/core';
import { avPromptIds } from '@nlakit/sidecar';
import { explanationOpen } from './parse-explanation.js';

/** The verbalizer's prompt, the same for every row. */
export interface AvPrompt {
  readonly ids: Int32Array;
  /** Position of the marker. */
  readonly slot: number;
  /** The prompt's text ends with `<explanation>`: outputs and training targets start inside the explanation. */
  readonly opened: boolean;
}

/** Builds the AV prompt of a contract. Throws `E_INJECTION_SLOT` if the marker is not in it exactly once, and what `avPromptIds` throws. */
export function avPrompt(contract: NlaContract, tokenizer: Tokenizer): AvPrompt {
  const ids = avPromptIds(contract, tokenizer);
  const slot = ids.indexOf(contract.tokens.injectionTokenId);
  if (slot < 0 || ids.includes(contract.tokens.injectionTokenId, slot + 1)) {
    throw new NlaError('E_INJECTION_SLOT', {
      message: 'The AV prompt must hold the marker exactly once.',
      found: slot < 0 ? 'no marker' : 'several markers',
      expected: `the id ${contract.tokens.injectionTokenId} once`,
      kind: 'input',
    });
  }
  return { ids, slot, opened: tokenizer.decode(ids).trimEnd().endsWith(explanationOpen) };
}
