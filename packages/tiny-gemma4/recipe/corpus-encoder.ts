import { mergeInWord, preTokenPattern, type Merge } from './train-byte-pairs.js';
import { addedId, addedTokens, byteId, mergeId } from './vocabulary.js';

const addedPattern = new RegExp(`(${addedTokens.map((token) => token.replaceAll('/', '\\/')).join('|')})`);

/**
 * Encodes text as `tokenizer.json` does, without special tokens. Faster than a general tokenizer on a large corpus because every
 * pre-token is worked out once; a test holds the two together.
 */
export function createCorpusEncoder(merges: readonly Merge[]): (text: string) => number[] {
  const ranks = new Map(merges.map(([left, right], index) => [left * 65_536 + right, index]));
  const known = new Map<string, readonly number[]>();

  const encodeWord = (word: string): readonly number[] => {
    const cached = known.get(word);
    if (cached !== undefined) return cached;
    let symbols: number[] = [...Buffer.from(word, 'utf8')];
    for (;;) {
      let best = Infinity;
      for (let at = 0; at + 1 < symbols.length; at += 1) {
        best = Math.min(best, ranks.get((symbols[at] ?? 0) * 65_536 + (symbols[at + 1] ?? 0)) ?? Infinity);
      }
      const merge = merges[best];
      if (merge === undefined) break;
      symbols = mergeInWord(symbols, merge[0], merge[1], 256 + best);
    }
    const ids = symbols.map((symbol) => (symbol < 256 ? byteId(symbol) : mergeId(symbol - 256)));
    known.set(word, ids);
    return ids;
  };

  return (text) => {
    const ids: number[] = [];
    for (const part of text.split(addedPattern)) {
      const added = addedTokens.find((token) => token === part);
      if (added !== undefined) {
        ids.push(addedId(added));
        continue;
      }
      for (const [word] of part.matchAll(preTokenPattern)) for (const id of encodeWord(word)) ids.push(id);
    }
    return ids;
  };
}
