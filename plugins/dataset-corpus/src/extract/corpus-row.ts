import type { LabelItem, Tokenizer } from '@nlakit/core';
import type { Chunk } from './chunk-file.js';

/** A row of an extraction, by place. */
export interface RowPlace {
  readonly chunk: number;
  /** Within the chunk. */
  readonly row: number;
}

/** Id of a row: its document and the number of tokens that were read. */
function rowId(documentId: string, position: number): string {
  return `${documentId}@${position + 1}`;
}

/** What a labeler is told of a row, its text decoded from the tokens that the model read. */
export function labelItem(
  document: { readonly id: string; readonly family: string; readonly meta?: Readonly<Record<string, string>> },
  tokens: Int32Array,
  position: number,
  tokenizer: Tokenizer,
): LabelItem {
  return {
    id: rowId(document.id, position),
    documentId: document.id,
    text: tokenizer.decode(tokens.subarray(0, position + 1), { skipSpecial: true }),
    token: tokenizer.decode(tokens.subarray(position, position + 1)),
    meta: { family: document.family, ...document.meta },
  };
}

/** {@link labelItem} of a row of a chunk. Throws `RangeError` for a row that the chunk does not have. */
export function itemOfRow(chunk: Chunk, row: number, tokenizer: Tokenizer): LabelItem {
  const place = chunk.rows[row];
  const document = place && chunk.documents[place.document];
  if (place === undefined || document === undefined) throw new RangeError(`chunk ${chunk.index} has no row ${row}`);
  return labelItem(document, chunk.tokens(place.document), place.position, tokenizer);
}
