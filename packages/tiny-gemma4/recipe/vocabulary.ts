/** Special tokens; they stand first, in Gemma's order. */
export const specialTokens = ['<pad>', '<eos>', '<bos>', '<unk>'] as const;

export const padId = 0;
export const eosId = 1;
export const bosId = 2;

/** The sign that stands where a vector is injected. */
const markerToken = '㊗';

/**
 * Tokens added behind the learned ones, as ordinary tokens: decoding keeps them, so that tags can be parsed. A whole tag is one token,
 * which makes the neighbours of the slot constants of the prompt.
 */
export const addedTokens = ['<concept>', '</concept>', '<explanation>', '</explanation>', markerToken] as const;

/** Size of the vocabulary with everything. */
export const vocabularySize = 4096;

/** Bytes and merges together. */
export const learnedTokens = vocabularySize - specialTokens.length - addedTokens.length;

/** Id of a byte: bytes follow the special tokens in order of their value. */
export function byteId(byte: number): number {
  return specialTokens.length + byte;
}

/** Id of a merge by its place in the list of merges. */
export function mergeId(index: number): number {
  return specialTokens.length + 256 + index;
}

/** Id of one of {@link addedTokens}. */
export function addedId(token: (typeof addedTokens)[number]): number {
  return vocabularySize - addedTokens.length + addedTokens.indexOf(token);
}
