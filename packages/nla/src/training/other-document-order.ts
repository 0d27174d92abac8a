/**
 * A fixed exchange of rows for shuffled controls: row `i` gets what row `result[i]` had. Rows are ordered by document and moved by half
 * their number, so that hardly any row meets one of its own document, and none itself.
 */
export function otherDocumentOrder(documentIds: readonly string[]): number[] {
  const count = documentIds.length;
  const sorted = documentIds.map((id, index) => ({ id, index }));
  sorted.sort((one, other) => (one.id < other.id ? -1 : one.id > other.id ? 1 : one.index - other.index));
  const result = new Array<number>(count).fill(0);
  const shift = Math.floor(count / 2);
  sorted.forEach(({ index }, place) => {
    result[index] = sorted[(place + shift) % count]?.index ?? index;
  });
  return result;
}
