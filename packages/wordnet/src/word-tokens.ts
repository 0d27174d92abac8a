import { NlaError } from '@nlakit/core';
import type { ModelSpec, Tokenizer } from '@nlakit/core';

/** A space, however the vocabulary spells it (byte-level: `Ġ`, SentencePiece: `▁`), then English letters. */
const wordStart = /^[ Ġ▁]([A-Za-z]+)$/;

/**
 * The tokens that begin a word and are made of nothing but letters, by id, with those letters. The word that a model expects next is
 * looked for among them: elsewhere are punctuation, ends of words and tags, which say nothing about the text.
 * Throws `E_WORDNET_VOCABULARY` if there is none.
 */
export function wordTokens(tokenizer: Tokenizer, spec: Pick<ModelSpec, 'name' | 'vocabularySize'>): ReadonlyMap<number, string> {
  const words = new Map<number, string>();
  for (let id = 0; id < spec.vocabularySize; id += 1) {
    const letters = wordStart.exec(tokenizer.tokenOf(id) ?? '')?.[1];
    if (letters !== undefined) words.set(id, letters);
  }
  if (words.size === 0) {
    throw new NlaError('E_WORDNET_VOCABULARY', {
      message: `The vocabulary of ${spec.name} has no token that begins an English word.`,
      expected: 'tokens such as " the"',
      fix: 'Use a model with a byte-level or SentencePiece vocabulary.',
      kind: 'input',
    });
  }
  return words;
}
