import type { Tokenizer } from '@nlakit/core';

const special = ['<pad>', '<eos>', '<bos>', '<unk>'];
const added = ['<concept>', '</concept>', '<explanation>', '</explanation>', '㊗'];
const words = ['topic', ': ', 'animal', 'food', 'plant', 'time', 'last', '. ', 'the', 'of', 'a', 'is', 'next', ' '];
const letters = [...'bcdefghijklmnopqrstuvwxyz<>/.:\n'];

/** The tokens of {@link toyTokenizer}, by id. */
export const toyVocabulary: readonly string[] = [...special, ...added, ...words, ...letters];

/** A greedy longest-match tokenizer over a fixed small vocabulary. */
export function toyTokenizer(): Tokenizer {
  const ids = new Map(toyVocabulary.map((token, id) => [token, id]));
  const byLength = [...toyVocabulary].sort((one, other) => other.length - one.length);
  return {
    sha256: '0000000000000000000000000000000000000000000000000000000000000000',
    vocabularySize: toyVocabulary.length,
    padId: 0,
    eosId: 1,
    bosId: 2,
    unkId: 3,
    encode(text, options) {
      const result: number[] = options?.special === true ? [2] : [];
      for (let at = 0; at < text.length;) {
        const token = byLength.find((candidate) => text.startsWith(candidate, at));
        result.push(token === undefined ? 3 : (ids.get(token) ?? 3));
        at += token?.length ?? 1;
      }
      return Int32Array.from(result);
    },
    decode(sequence, options) {
      return Array.from(sequence)
        .filter((id) => options?.skipSpecial !== true || id >= special.length)
        .map((id) => toyVocabulary[id] ?? '')
        .join('');
    },
    idOf: (token) => ids.get(token),
    tokenOf: (id) => toyVocabulary[id],
  };
}
