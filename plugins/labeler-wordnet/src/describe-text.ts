import type { LabelItem } from '@nlakit/core';
import { nounLemmas, type ExplanationFields, type NounLexicon, type Synset } from '@nlakit/wordnet';
import { functionWords } from './function-words.js';

/** What can be said of a text without a model. */
export type TextFields = Omit<ExplanationFields, 'next'>;

/** A noun of a text in its most usual meaning. */
interface FoundNoun {
  readonly topic: string;
  readonly hypernym: string;
}

/** The most words of a phrase that is looked up whole (`ice cream`). */
const longestPhrase = 3;

/**
 * Topic, kind and last word of a text, by the first of these rules that applies:
 *
 * 1. The corpus names the meaning that the text is about (`meta.synset`): its topic and its first hypernym.
 * 2. The text is the beginning of a gloss (`dog: a member of`): the same of the meaning whose gloss it is.
 * 3. Any other text: its last `words` words are looked up as phrases or words, plurals too. Each that is met as a noun at least as often as
 *    anything else votes for the topic of its most usual meaning. The most frequent topic wins, among equals the one met last, and the kind
 *    is the first hypernym of the last word that voted for it. `meta.topic` replaces the vote.
 *
 * Topics are the names of WordNet's lexicographer files. Undefined for a text of the third kind without such nouns.
 */
export function describeText({ text, token, meta }: Omit<LabelItem, 'id' | 'documentId'>, lexicon: NounLexicon, words: number) {
  const last = lastOf(text, token);
  const named = lexicon.byId.get(meta?.['synset'] ?? '') ?? glossOf(text, lexicon);
  const whole = named && nounOf(named, lexicon);
  if (whole) return { ...whole, topic: meta?.['topic'] ?? whole.topic, last } satisfies TextFields;
  const found = nounsOf(text, lexicon, words);
  const topic = meta?.['topic'] ?? mostFrequentTopic(found);
  const kind = found.findLast((noun) => noun.topic === topic) ?? found.at(-1);
  return topic === undefined || kind === undefined ? undefined : ({ topic, hypernym: kind.hypernym, last } satisfies TextFields);
}

/** The last word, or as much of it as is there where the text ends inside; else the mark, or the name of the space, that it ends with. */
function lastOf(text: string, token: string): string {
  const word = /[\p{L}\p{N}]+(?:['’-][\p{L}\p{N}]+)*$/u.exec(text)?.[0];
  if (word !== undefined) return word;
  const space = /\s+$/u.exec(text)?.[0];
  if (space !== undefined) return space.includes('\n') ? 'line break' : 'space';
  return [...text].at(-1) ?? token;
}

/** The meaning whose gloss the text begins: `name: first words of its definition`. */
function glossOf(text: string, lexicon: NounLexicon): Synset | undefined {
  const [, name, said] = /^([^:\n]{1,80}): (\S.*)$/su.exec(text) ?? [];
  if (name === undefined || said === undefined) return undefined;
  return lexicon.lookUp(name)?.senses.find(({ definition }) => definition.startsWith(said.trimEnd()));
}

function nounsOf(text: string, lexicon: NounLexicon, words: number): FoundNoun[] {
  const written = (text.match(/[\p{L}]+(?:['’-][\p{L}]+)*/gu) ?? []).map((word) => word.replace(/['’]s$/u, '')).slice(-words);
  const found: FoundNoun[] = [];
  for (let start = 0; start < written.length;) {
    const [noun, length] = nounAt(written, start, lexicon);
    if (noun) found.push(noun);
    start += length;
  }
  return found;
}

/** The longest phrase from there on that is a noun, and how many words it has; nothing and 1 where there is none. */
function nounAt(written: readonly string[], start: number, lexicon: NounLexicon): readonly [FoundNoun | undefined, number] {
  const longest = Math.min(longestPhrase, written.length - start);
  for (let length = longest; length >= 1; length -= 1) {
    const phrase = written.slice(start, start + length).join(' ');
    // What has two letters is mostly the abbreviation of something else.
    if (length === 1 && (phrase.length < 3 || functionWords.has(phrase.toLowerCase()))) continue;
    for (const lemma of nounLemmas(phrase)) {
      const use = lexicon.lookUp(lemma);
      if (use === undefined || use.asNoun < use.otherwise) continue;
      const noun = use.senses[0] && nounOf(use.senses[0], lexicon);
      if (noun) return [noun, length];
    }
  }
  return [undefined, 1];
}

/** Nothing for the few meanings that are a kind of nothing (`entity`), or of something offensive. */
function nounOf({ lexicographerFile, hypernyms }: Synset, lexicon: NounLexicon): FoundNoun | undefined {
  const hypernym = lexicon.byId.get(hypernyms[0] ?? '')?.lemmas[0];
  return hypernym === undefined ? undefined : { topic: lexicographerFile.replace(/^noun\./, ''), hypernym };
}

function mostFrequentTopic(found: readonly FoundNoun[]): string | undefined {
  const votes = new Map<string, number>();
  for (const { topic } of found) votes.set(topic, (votes.get(topic) ?? 0) + 1);
  const most = Math.max(...votes.values());
  return found.findLast(({ topic }) => votes.get(topic) === most)?.topic;
}
