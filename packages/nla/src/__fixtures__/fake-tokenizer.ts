import type { Tokenizer } from '@nlakit/core';

const special = ['<pad>', '<eos>', '<bos>', '<unk>'];
const added = ['<concept>', '</concept>', '<explanation>', '</explanation>', '㊗'];
const words = ['topic', ': ', 'animal', 'food', 'plant', 'time', 'last', '. ', 'the', 'of', 'a', 'is', 'next', ' '];
const letters = [...'bcdefghijklmnopqrstuvwxyz<>/.:\n'];
export const fakeVocabulary = [...special, ...added, ...words, ...letters];

/** A greedy longest-match tokenizer over a fixed small vocabulary. */
export function fakeTokenizer(): Tokenizer {
  const ids = new Map(fakeVocabulary.map((token, id) => [token, id]));
  const byLength = [...fakeVocabulary].sort((one, other) => other.length - one.length);
  return {
    sha256: 'fake',
    vocabularySize: fakeVocabulary.length,
    padId: 0,
    eosId: 1,
    bosId: 2,
    unkId: 3,
    encode(text, options) {
      const result: number[] = options?.special === true ? [2] : [];
      for (let at = 0; at < text.length; ) {
        const token = byLength.find((candidate) => text.startsWith(candidate, at));
        result.push(token === undefined ? 3 : (ids.get(token) ?? 3));
        at += token?.length ?? 1;
      }
      return Int32Array.from(result);
    },
    decode(sequence, options) {
      return Array.from(sequence)
        .filter((id) => options?.skipSpecial !== true || id >= special.length)
        .map((id) => fakeVocabulary[id] ?? '')
        .join('');
    },
    idOf: (token) => ids.get(token),
    tokenOf: (id) => fakeVocabulary[id],
  };
}
