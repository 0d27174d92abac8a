/**
 * The number of each row's document, and -1 for documents of one row: labels for asking whether a row finds another of its own document,
 * which those cannot.
 */
export function siblingLabels(documents: readonly string[]): Int32Array {
  const numbers = new Map<string, number>();
  const sizes: number[] = [];
  const own = Int32Array.from(documents, (document) => {
    const number = numbers.get(document) ?? numbers.size;
    numbers.set(document, number);
    sizes[number] = (sizes[number] ?? 0) + 1;
    return number;
  });
  return own.map((number) => ((sizes[number] ?? 0) > 1 ? number : -1));
}
