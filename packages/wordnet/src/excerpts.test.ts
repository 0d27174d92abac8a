import { describe, expect, it } from 'vitest';
import { excerptsOf, writeExplanation, type Synset } from './index.js';

const synset = (lemma: string, definition: string): Synset => ({
  id: '00000001-n',
  partOfSpeech: 'n',
  lexicographerFile: 'noun.plant',
  lemmas: [lemma],
  gloss: definition,
  definition,
  examples: [],
  hypernyms: [],
  usages: [],
});

describe('excerptsOf', () => {
  it('ends after each later word that has a successor', () => {
    expect(excerptsOf(synset('black oak', 'a large timber tree, of the U.S. east'))).toEqual([
      { text: 'black oak: a large timber tree', last: 'tree', wordsRead: 4, next: 'of' },
      { text: 'black oak: a large timber tree, of', last: 'of', wordsRead: 5, next: 'the' },
      { text: 'black oak: a large timber tree, of the', last: 'the', wordsRead: 6, next: 'U' },
    ]);
  });

  it('passes over words that are not plain, and over the last word', () => {
    expect(excerptsOf(synset('x', 'one two three deep-sea 4th fine end')).map((excerpt) => excerpt.last)).toEqual(['fine']);
    expect(excerptsOf(synset('x', 'one two three four'))).toEqual([]);
  });
});

it('writes an explanation with its fields in a fixed order', () => {
  expect(writeExplanation({ topic: 'body', hypernym: 'bone', last: 'a', next: 'that' })).toBe(
    'topic: body. a kind of bone. last: a. next: that.',
  );
});
