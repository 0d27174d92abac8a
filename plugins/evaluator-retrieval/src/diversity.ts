import type { JsonValue } from '@nlakit/core';
import { mean } from '@nlakit/metrics';
import { wordAnalyzer, wordRuns, wordsOf } from './text-terms.js';
import { tfidfSimilarity } from './tfidf.js';

/** How different a set of outputs is. */
export interface Diversity {
  readonly [key: string]: JsonValue;
  readonly n: number;
  readonly distinct: number;
  /** Different first 30 and 60 characters. */
  readonly distinctPrefixes30: number;
  readonly distinctPrefixes60: number;
  /** Expected number of different 60-character prefixes among 30 of the outputs, which makes sets of any size comparable. */
  readonly prefixes60In30: number;
  /** By the latter: at most 8 `collapsed`, below 20 `ambiguous`, else `fine`. Null for fewer than 30 outputs. */
  readonly band: 'collapsed' | 'ambiguous' | 'fine' | null;
  /** Share of different words, and of different pairs of words, among all. Null where there are none. */
  readonly distinct1: number | null;
  readonly distinct2: number | null;
  /** Mean TF-IDF cosine of two different outputs. */
  readonly selfSimilarity: number;
  /** Mean overlap of the word pairs of two different outputs: shared / all. Two outputs without pairs overlap fully. */
  readonly bigramJaccard: number;
  /** Entropy of the outputs, bits. */
  readonly entropy: number;
  /** Entropy / log2 n: 1 if all outputs differ. */
  readonly evenness: number;
  readonly mostFrequent: string;
  readonly mostFrequentShare: number;
  readonly emptyShare: number;
}

/** Mode-collapse and diversity figures of at least two outputs. */
export function measureDiversity(texts: readonly string[]): Diversity {
  const n = texts.length;
  const counts = countOf(texts);
  const [mostFrequent, most] = [...counts].reduce((best, one) => (one[1] > best[1] ? one : best), ['', 0] as const);
  const entropy = [...counts.values()].reduce((sum, count) => sum - (count / n) * Math.log2(count / n), 0);
  const words = texts.map(wordsOf);
  const pairs = words.map((list) => wordRuns(list, 2, 2));
  const prefixes60 = countOf(texts.map((text) => text.slice(0, 60)));
  const prefixes60In30 = expectedDistinct([...prefixes60.values()], Math.min(30, n));
  const similarity = tfidfSimilarity(texts, texts, wordAnalyzer());
  const pairSets = pairs.map((list) => new Set(list));
  return {
    n,
    distinct: counts.size,
    distinctPrefixes30: countOf(texts.map((text) => text.slice(0, 30))).size,
    distinctPrefixes60: prefixes60.size,
    prefixes60In30,
    band: n < 30 ? null : prefixes60In30 <= 8 ? 'collapsed' : prefixes60In30 < 20 ? 'ambiguous' : 'fine',
    distinct1: shareOfDistinct(words.flat()),
    distinct2: shareOfDistinct(pairs.flat()),
    selfSimilarity: meanOfPairs(n, (a, b) => similarity[a]?.[b] ?? NaN),
    bigramJaccard: meanOfPairs(n, (a, b) => jaccard(pairSets[a] ?? new Set(), pairSets[b] ?? new Set())),
    entropy,
    evenness: entropy / Math.log2(n),
    mostFrequent,
    mostFrequentShare: most / n,
    emptyShare: (counts.get('') ?? 0) / n,
  };
}

/**
 * Expected number of different kinds among `draw` items drawn without replacement: every kind counts with the chance to be drawn at all,
 * `1 - C(n - count, draw) / C(n, draw)` (rarefaction, Hurlbert 1971).
 */
export function expectedDistinct(counts: readonly number[], draw: number): number {
  const n = counts.reduce((sum, count) => sum + count, 0);
  return counts.reduce((sum, count) => {
    let missed = 1;
    for (let index = 0; index < draw; index += 1) missed *= Math.max(0, n - count - index) / (n - index);
    return sum + 1 - missed;
  }, 0);
}

function countOf(items: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(item, (counts.get(item) ?? 0) + 1);
  return counts;
}

function shareOfDistinct(items: readonly string[]): number | null {
  return items.length === 0 ? null : new Set(items).size / items.length;
}

function meanOfPairs(n: number, value: (first: number, second: number) => number): number {
  const values: number[] = [];
  for (let first = 0; first < n; first += 1) for (let second = first + 1; second < n; second += 1) values.push(value(first, second));
  return mean(values);
}

function jaccard(first: ReadonlySet<string>, second: ReadonlySet<string>): number {
  let shared = 0;
  for (const item of first) if (second.has(item)) shared += 1;
  const all = first.size + second.size - shared;
  return all === 0 ? 1 : shared / all;
}
