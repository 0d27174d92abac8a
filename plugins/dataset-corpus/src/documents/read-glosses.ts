import { readWordnet } from '@nlakit/wordnet';
import type { CorpusDocument } from './corpus-document.js';
import type { SourceOptions } from './source-options.js';

/** The glosses as documents `lemma: definition`, in the order of WordNet's files; senses that it marks as offensive are left out. */
export async function readGlosses({
  partsOfSpeech,
  lexicographerFiles,
}: Pick<Extract<SourceOptions, { kind: 'wordnet' }>, 'partsOfSpeech' | 'lexicographerFiles'>): Promise<CorpusDocument[]> {
  const { synsets } = await readWordnet({ partsOfSpeech });
  const wanted = lexicographerFiles && new Set(lexicographerFiles);
  return synsets
    .filter(({ lexicographerFile }) => wanted?.has(lexicographerFile) ?? true)
    .map(({ id, lemmas, definition, lexicographerFile }) => ({
      id,
      text: `${lemmas[0] ?? ''}: ${definition}`,
      family: lexicographerFile,
      meta: { synset: id },
    }));
}
