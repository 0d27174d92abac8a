import { NlaError } from '@nlakit/core';
import type { NlaContract, NlaRow, Tokenizer } from '@nlakit/core';
import { arPromptIds } from '@nlakit/sidecar';

/** One row as the reconstructor is trained on it. */
export interface ArExample {
  readonly id: string;
  readonly documentId: string;
  /** The whole AR prompt; the vector is read at its last token. */
  readonly tokens: Int32Array;
}

/**
 * The AR prompt of one labelled row, its explanation trimmed.
 *
 * @throws `E_ROW_UNLABELLED` for a row without explanation.
 */
export function buildArExample(row: NlaRow, contract: NlaContract, tokenizer: Tokenizer): ArExample {
  if (row.explanation === undefined) {
    throw new NlaError('E_ROW_UNLABELLED', { message: 'A training row has no explanation.', found: row.id, kind: 'input' });
  }
  return { id: row.id, documentId: row.documentId, tokens: arPromptIds(contract, tokenizer, row.explanation.trim()) };
}
