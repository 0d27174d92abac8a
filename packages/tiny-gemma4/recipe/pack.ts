import { bosId, eosId, padId } from './vocabulary.js';

/** Documents one after another, `<bos> … <eos>` each, ready to be cut into rows. */
export function packStream(documents: readonly (readonly number[])[]): Uint16Array {
  const length = documents.reduce((sum, document) => sum + document.length + 2, 0);
  const stream = new Uint16Array(length);
  let at = 0;
  for (const document of documents) {
    stream[at++] = bosId;
    stream.set(document, at);
    at += document.length;
    stream[at++] = eosId;
  }
  return stream;
}

/** Number of training rows in a stream: `rowLength` inputs, and one token more for the last target. */
export function rowsIn(stream: Uint16Array, rowLength: number): number {
  return Math.max(0, Math.floor((stream.length - 1) / rowLength));
}

/** Rows for evaluation. */
export interface EvaluationRows {
  /** `[rows, rowLength]` token ids, padded on the right. */
  readonly tokens: Uint16Array;
  readonly rows: number;
  readonly rowLength: number;
}

/**
 * Packs whole documents into rows of `rowLength`, first come first served; a longer document is cut. Because no document crosses a
 * border, every token is predicted from its document's beginning on.
 */
export function packWhole(documents: readonly (readonly number[])[], rowLength: number): EvaluationRows {
  const rows: number[][] = [];
  let row: number[] = [];
  for (const document of documents) {
    const tokens = [bosId, ...document, eosId].slice(0, rowLength);
    if (row.length + tokens.length > rowLength) {
      rows.push(row);
      row = [];
    }
    row.push(...tokens);
  }
  if (row.length > 0) rows.push(row);
  const tokens = new Uint16Array(rows.length * rowLength).fill(padId);
  rows.forEach((filled, index) => tokens.set(filled, index * rowLength));
  return { tokens, rows: rows.length, rowLength };
}

/**
 * Whether `target` counts in evaluation: every token of a document but its first. The `<bos>` of the next document and padding tell
 * nothing about a model.
 */
export function countsInEvaluation(target: number): boolean {
  return target !== bosId && target !== padId;
}
