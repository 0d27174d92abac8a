import { NlaError, type NlaRow } from '@nlakit/core';

/** Held-out rows must not be of documents that AV or AR were trained on: `E_EVALUATION_LEAK` names some that are. */
export function checkHeldOut(rows: readonly NlaRow[], trained: ReadonlySet<string>): void {
  const leaked = [...new Set(rows.map((row) => row.documentId).filter((document) => trained.has(document)))];
  if (leaked.length === 0) return;
  throw new NlaError('E_EVALUATION_LEAK', {
    message: 'Held-out rows come from documents that were trained on.',
    found: `${leaked.length} documents, for instance ${leaked.slice(0, 3).join(', ')}`,
    expected: 'no document in common',
    fix: 'Split the data by document before labelling, and build it again.',
    kind: 'input',
  });
}
