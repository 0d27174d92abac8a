import { withoutWords, wordsOf } from './text-terms.js';

/** What belongs to the form of the explanations and not to any one of them. */
export interface Template {
  /** Words that nearly all explanations hold. */
  readonly words: readonly string[];
  /** Labels before a colon at the start of a sentence or line. */
  readonly labels: readonly string[];
}

const labelForm = /(^|[.!?;]\s+|\n\s*)([\p{L}\p{N}][\p{L}\p{N} _-]{0,30}):/gu;

/**
 * Finds the template: words that at least `share` of the texts hold, and labels (`topic:`) that at least half of that share of them begin
 * a sentence with. Empty texts do not count.
 */
export function findTemplate(texts: readonly string[], share: number): Template {
  const counted = texts.filter((text) => text !== '');
  return {
    words: common(counted.map(wordsOf), share * counted.length),
    labels: common(counted.map(labelsOf), (share / 2) * counted.length),
  };
}

/** The text without its template: labels first, then words. Where nothing else was said, nothing is left. */
export function stripTemplate(text: string, { words, labels }: Template): string {
  const known = new Set(labels);
  const dropped = new Set(words);
  const unlabelled = text.replace(labelForm, (whole, start: string, label: string) =>
    known.has(label.trim().toLowerCase()) ? start : whole,
  );
  const left = withoutWords(unlabelled, (word) => dropped.has(word))
    .replace(/\s+/g, ' ')
    .trim();
  return /[\p{L}\p{N}]/u.test(left) ? left : '';
}

function labelsOf(text: string): string[] {
  return [...text.matchAll(labelForm)].map((match) => (match[2] ?? '').trim().toLowerCase());
}

function common(lists: readonly (readonly string[])[], least: number): string[] {
  const holders = new Map<string, number>();
  for (const list of lists) for (const item of new Set(list)) holders.set(item, (holders.get(item) ?? 0) + 1);
  return [...holders]
    .filter(([, count]) => count >= least)
    .map(([item]) => item)
    .sort();
}
