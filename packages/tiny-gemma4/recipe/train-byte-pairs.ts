/** How text is split before bytes are merged; the pattern of the ByteLevel pre-tokenizer (GPT-2). */
export const preTokenPattern = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;

/** Two symbols that are merged into one. Symbols 0 to 255 are bytes, 256 + i is the result of merge i. */
export type Merge = readonly [left: number, right: number];

/** Symbols stay below this, so that a pair fits into one exact number. */
const base = 65_536;

/**
 * Trains byte-level byte pair encoding: the most frequent pair of neighbours is merged, again and again. Of equally frequent pairs the
 * one with the smaller symbols wins, so the result depends on the text alone.
 *
 * @param merges how many merges are wanted; fewer come back when no pair is left.
 */
export function trainBytePairs(texts: Iterable<string>, merges: number): Merge[] {
  const { words, counts } = countWords(texts);
  const pairs = new PairCounts();
  for (const [index, word] of words.entries()) {
    for (let at = 0; at + 1 < word.length; at += 1) pairs.add(pairOf(word, at), counts[index] ?? 0, index);
  }
  pairs.start();

  const result: Merge[] = [];
  while (result.length < merges) {
    const best = pairs.take();
    if (best === undefined) break;
    const left = Math.floor(best.pair / base);
    const right = best.pair % base;
    const symbol = 256 + result.length;
    result.push([left, right]);
    for (const index of best.words) {
      const before = words[index] ?? [];
      const count = counts[index] ?? 0;
      const after = mergeInWord(before, left, right, symbol);
      if (after.length === before.length) continue;
      for (let at = 0; at + 1 < before.length; at += 1) pairs.add(pairOf(before, at), -count, index);
      for (let at = 0; at + 1 < after.length; at += 1) pairs.add(pairOf(after, at), count, index);
      words[index] = after;
    }
    pairs.settle();
  }
  return result;
}

/** `word` with every occurrence of the pair replaced, from the left. */
export function mergeInWord(word: readonly number[], left: number, right: number, symbol: number): number[] {
  const result: number[] = [];
  for (let at = 0; at < word.length; at += 1) {
    const current = word[at] ?? 0;
    if (current === left && word[at + 1] === right) {
      result.push(symbol);
      at += 1;
    } else {
      result.push(current);
    }
  }
  return result;
}

function countWords(texts: Iterable<string>): { words: number[][]; counts: number[] } {
  const found = new Map<string, number>();
  for (const text of texts) {
    for (const [word] of text.matchAll(preTokenPattern)) found.set(word, (found.get(word) ?? 0) + 1);
  }
  return { words: [...found.keys()].map((word) => [...Buffer.from(word, 'utf8')]), counts: [...found.values()] };
}

function pairOf(word: readonly number[], at: number): number {
  return (word[at] ?? 0) * base + (word[at + 1] ?? 0);
}

/**
 * Counts of pairs with a heap over them. Entries of the heap whose count has changed meanwhile are stale and are dropped when they
 * come up; every change is pushed anew by `settle`.
 */
class PairCounts {
  readonly #counts = new Map<number, number>();
  readonly #words = new Map<number, Set<number>>();
  readonly #changed = new Set<number>();
  readonly #heap: { pair: number; count: number }[] = [];

  add(pair: number, count: number, word: number): void {
    this.#counts.set(pair, (this.#counts.get(pair) ?? 0) + count);
    this.#changed.add(pair);
    if (count <= 0) return;
    let words = this.#words.get(pair);
    if (words === undefined) this.#words.set(pair, (words = new Set()));
    words.add(word);
  }

  start(): void {
    this.settle();
  }

  /** Makes the changes since the last call known to the heap. */
  settle(): void {
    for (const pair of this.#changed) {
      const count = this.#counts.get(pair) ?? 0;
      if (count > 0) this.#push({ pair, count });
    }
    this.#changed.clear();
  }

  /** Removes the best pair. The words may no longer hold it: they are all words that ever did. */
  take(): { pair: number; words: ReadonlySet<number> } | undefined {
    for (;;) {
      const best = this.#pop();
      if (best === undefined) return undefined;
      if (this.#counts.get(best.pair) !== best.count) continue;
      const words = this.#words.get(best.pair) ?? new Set();
      this.#counts.delete(best.pair);
      this.#words.delete(best.pair);
      return { pair: best.pair, words };
    }
  }

  #push(entry: { pair: number; count: number }): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(entry);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !better(entry, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = entry;
  }

  #pop(): { pair: number; count: number } | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined || heap.length === 0) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      let below = heap[child];
      if (below === undefined) break;
      const sibling = heap[child + 1];
      if (sibling !== undefined && better(sibling, below)) {
        child += 1;
        below = sibling;
      }
      if (!better(below, last)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
    return top;
  }
}

function better(one: { pair: number; count: number }, other: { pair: number; count: number }): boolean {
  return one.count > other.count || (one.count === other.count && one.pair < other.pair);
}
