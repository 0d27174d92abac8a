/** Part of speech as the letter WordNet's files use; adjective satellites count as adjectives. */
export type PartOfSpeech = 'n' | 'v' | 'a' | 'r';

/** One meaning in WordNet with what nlakit uses of it. */
export interface Synset {
  /** Offset in its data file and part of speech: `02086723-n`. */
  readonly id: string;
  readonly partOfSpeech: PartOfSpeech;
  /** Lexicographer file: `noun.animal`. */
  readonly lexicographerFile: string;
  /** Names of the meaning, most usual first, with spaces: `domestic dog`. Never empty. */
  readonly lemmas: readonly string[];
  /** Definition and examples as they stand in the file, trimmed. */
  readonly gloss: string;
  /** The gloss up to its first example. */
  readonly definition: string;
  /** The quoted sentences of the gloss, without their quotation marks. */
  readonly examples: readonly string[];
  /** Ids of the meanings this one is a kind (or an instance) of. */
  readonly hypernyms: readonly string[];
  /** Ids of the usage notes that apply to a name of this meaning (`ethnic slur`, `slang`). */
  readonly usages: readonly string[];
}
