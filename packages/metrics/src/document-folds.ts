/** Deals documents into `count` folds of about equal size, rows of a document together: the fold of every row. */
export function documentFolds(documents: readonly string[], count: number, shuffle: (items: readonly string[]) => string[]): Int32Array {
  const sizes = new Map<string, number>();
  for (const document of documents) sizes.set(document, (sizes.get(document) ?? 0) + 1);
  const filled = new Array<number>(count).fill(0);
  const foldOf = new Map<string, number>();
  // Large documents first; the order among equals is random.
  for (const document of shuffle([...sizes.keys()]).sort((a, b) => (sizes.get(b) ?? 0) - (sizes.get(a) ?? 0))) {
    const fold = filled.indexOf(Math.min(...filled));
    foldOf.set(document, fold);
    filled[fold] = (filled[fold] ?? 0) + (sizes.get(document) ?? 0);
  }
  return Int32Array.from(documents, (document) => foldOf.get(document) ?? 0);
}
