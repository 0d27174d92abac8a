import { excerptsOf, topicOf, writeExplanation, type Synset, type WordNet } from '@nlakit/wordnet';
import type { RandomStream } from '@nlakit/core';

/** Corpus A: `lemma: gloss; "example"`, one document per synset, in the order given. */
export function glossDocuments(synsets: readonly Synset[]): string[] {
  return synsets.map((synset) => `${synset.lemmas[0] ?? ''}: ${synset.gloss}`);
}

/**
 * Corpus B: what is a kind of what, for synsets with a hypernym. A random half are sentences (`x is a kind of y, which is a kind of
 * z.`), the others lists that begin with the topic (`x: topic animal, a kind of y, z, w.`).
 */
export function hypernymDocuments(synsets: readonly Synset[], wordnet: WordNet, random: RandomStream): string[] {
  const documents: string[] = [];
  for (const synset of synsets) {
    const chain = hypernymChain(synset, wordnet, 3);
    const [first, ...others] = chain;
    const asSentence = random.uniform() < 0.5;
    if (first === undefined) continue;
    const name = synset.lemmas[0] ?? '';
    if (asSentence) {
      documents.push(`${name} is a kind of ${chain.slice(0, 2).join(', which is a kind of ')}.`);
    } else {
      const topic = synset.lexicographerFile.slice(synset.lexicographerFile.indexOf('.') + 1);
      documents.push(`${name}: topic ${topic}, a kind of ${[first, ...others].join(', ')}.`);
    }
  }
  return documents;
}

/** What stands between the text read and the explanation in corpus C. */
const explanationSeparator = '\n';

/**
 * Corpus C: an excerpt of a gloss, then its explanation in tags. All nouns with a hypernym, a random 30 % of the other synsets; one
 * random excerpt each, so that every call gives other excerpts.
 *
 * A newline stands between the two ({@link explanationSeparator}). Without it the model learns to expect `<explanation>` after any word,
 * and its own continuation of a text is lost. `next` is the word that truly follows: there is no model yet to ask.
 */
export function explainedDocuments(synsets: readonly Synset[], wordnet: WordNet, random: RandomStream): string[] {
  const documents: string[] = [];
  for (const synset of synsets) {
    const wanted = random.uniform();
    const place = random.uniform();
    const [hypernym] = hypernymChain(synset, wordnet, 1);
    if (hypernym === undefined || (synset.partOfSpeech !== 'n' && wanted >= 0.3)) continue;
    const excerpts = excerptsOf(synset);
    const excerpt = excerpts[Math.floor(place * excerpts.length)];
    if (excerpt === undefined) continue;
    const topic = topicOf(synset.lexicographerFile) ?? synset.lexicographerFile.slice(synset.lexicographerFile.indexOf('.') + 1);
    const explanation = writeExplanation({ topic, hypernym, last: excerpt.last, next: excerpt.next });
    documents.push(`${excerpt.text}${explanationSeparator}<explanation>${explanation}</explanation>`);
  }
  return documents;
}

/** First names of the synset's hypernyms, nearest first, along first hypernyms; at most `length`. */
function hypernymChain(synset: Synset, wordnet: WordNet, length: number): string[] {
  const names: string[] = [];
  let at: Synset | undefined = synset;
  while (names.length < length) {
    const id: string | undefined = at?.hypernyms[0];
    at = id === undefined ? undefined : wordnet.byId.get(id);
    const name = at?.lemmas[0];
    if (name === undefined) break;
    names.push(name);
  }
  return names;
}
