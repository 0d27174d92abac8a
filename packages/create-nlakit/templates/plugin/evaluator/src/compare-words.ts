/** How far two texts use the same words. */
export interface WordComparison {
  /** Words of the first text that the second has, of all its words: 0 to 1. */
  readonly precision: number;
  /** Words of the second text that the first has, of all its words: 0 to 1. */
  readonly recall: number;
  /** Harmonic mean of the two; 0 where no word is shared. */
  readonly f1: number;
}

/** Words in small letters, in their order. */
export function wordsOf(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
}

/** Compares texts as bags of words: a word that stands twice counts twice. */
export function compareWords(text: string, reference: string): WordComparison {
  const words = wordsOf(text);
  const left = new Map<string, number>();
  const others = wordsOf(reference);
  for (const word of others) left.set(word, (left.get(word) ?? 0) + 1);
  let shared = 0;
  for (const word of words) {
    const count = left.get(word) ?? 0;
    if (count === 0) continue;
    left.set(word, count - 1);
    shared += 1;
  }
  const precision = words.length === 0 ? 0 : shared / words.length;
  const recall = others.length === 0 ? 0 : shared / others.length;
  return { precision, recall, f1: shared === 0 ? 0 : (2 * precision * recall) / (precision + recall) };
}
