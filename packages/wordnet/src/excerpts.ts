import type { Synset } from './synset.js';

/** The beginning of a synset's text, up to and including one word of its definition. */
export interface Excerpt {
  /** `lemma: first words of the definition`, ending in `last`. */
  readonly text: string;
  /** The word the text ends with, as it stands there. */
  readonly last: string;
  /** Number of words of the definition that were read, `last` included. */
  readonly wordsRead: number;
  /** The word that follows in the definition, without punctuation. */
  readonly next: string;
}

/** Index of the first word of a definition that an excerpt may end with. Earlier ones say too little. */
const firstWord = 3;

/**
 * Every excerpt a synset allows, in reading order: the text may end after a word of the definition with index >= 3 that is spelled
 * with letters only, and at least one word must still be to come. Such a word always ends a pre-token, so the token ids of an
 * excerpt are a prefix of those of the whole text.
 */
export function excerptsOf(synset: Synset): Excerpt[] {
  const lead = `${synset.lemmas[0] ?? ''}: `;
  const words = [...synset.definition.matchAll(/\S+/g)];
  const excerpts: Excerpt[] = [];
  for (let index = firstWord; index + 1 < words.length; index += 1) {
    const word = words[index];
    const last = /^(\p{L}+)[,;:.)]*$/u.exec(word?.[0] ?? '')?.[1];
    const next = /\p{L}+/u.exec(words[index + 1]?.[0] ?? '')?.[0];
    if (word === undefined || last === undefined || next === undefined) continue;
    excerpts.push({ text: lead + synset.definition.slice(0, word.index + last.length), last, wordsRead: index + 1, next });
  }
  return excerpts;
}
