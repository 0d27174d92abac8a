import type { Synset } from './synset.js';

/** How a gloss itself says that a name is meant to hurt. */
const glossMarks =
  /\b(?:ethnic slur|slurs?|offensive (?:terms?|names?|words?|references?)|disparag\w*|derogatory|pejorative|vulgar(?:ism)?s?|obscen\w*|taboo|(?:insulting|contemptuous|abusive) (?:terms?|names?|words?))\b|\((?:usually )?(?:extremely )?offensive/i;

/** Names of the usage notes that WordNet attaches to such senses. */
const usageMarks: ReadonlySet<string> = new Set([
  'disparagement',
  'ethnic slur',
  'obscenity',
  'vulgarism',
  'dirty word',
  'profanity',
  'insult',
]);

/**
 * A test for senses that WordNet marks as slurs, disparagement, vulgar or obscene, by the words of the gloss or by a usage note.
 * A few harmless senses that merely speak of such things are caught as well; the corpus can spare them.
 *
 * @param byId all synsets, to look usage notes up in.
 */
export function offensiveTest(byId: ReadonlyMap<string, Synset>): (synset: Synset) => boolean {
  return (synset) =>
    glossMarks.test(synset.gloss) ||
    synset.usages.some((usage) => byId.get(usage)?.lemmas.some((lemma) => usageMarks.has(lemma.toLowerCase())) ?? false);
}
