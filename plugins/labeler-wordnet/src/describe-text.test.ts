import { nounLemmas, readNounLexicon, type NounLexicon } from '@nlakit/wordnet';
import { beforeAll, describe, expect, it } from 'vitest';
import { describeText } from './index.js';

let lexicon: NounLexicon;
beforeAll(async () => {
  lexicon = await readNounLexicon();
});

const describeEnd = (text: string, meta?: Readonly<Record<string, string>>, words = 40) =>
  describeText({ text, token: text.slice(-1), ...(meta ? { meta } : {}) }, lexicon, words);

describe('describeText', () => {
  it('finds the meaning whose gloss is read, also one that is not the most usual', () => {
    expect(describeEnd('dog: a member of the genus Canis')).toEqual({ topic: 'animal', hypernym: 'canine', last: 'Canis' });
    expect(describeEnd('bank: sloping land (especially the slope')).toMatchObject({ topic: 'object', hypernym: 'slope' });
    expect(describeEnd('bank: a financial institution that accepts')).toMatchObject({ topic: 'group' });
  });

  it('believes the corpus first', () => {
    const dog = lexicon.lookUp('dog')?.senses[0]?.id ?? '';
    expect(describeEnd('It barked all night, and', { synset: dog })).toEqual({ topic: 'animal', hypernym: 'canine', last: 'and' });
    expect(describeEnd('The hospital hired a doctor', { topic: 'building' })).toEqual({
      topic: 'building',
      hypernym: 'medical practitioner',
      last: 'doctor',
    });
    expect(describeEnd('The hospital hired a doctor', { synset: '99999999-n' })).toMatchObject({ hypernym: 'medical practitioner' });
  });

  it('takes the most frequent topic of other texts, and the last word of that topic', () => {
    expect(describeEnd('A spaniel, two horses and a table. The foxes were in the')).toEqual({
      topic: 'animal',
      hypernym: 'canine',
      last: 'the',
    });
  });

  it('takes the later topic where two are as frequent', () => {
    expect(describeEnd('a table and a spaniel')).toMatchObject({ topic: 'animal' });
    expect(describeEnd('a spaniel and a table')).not.toMatchObject({ topic: 'animal' });
  });

  it('looks phrases up whole, and passes over words that are mostly no nouns', () => {
    expect(describeEnd('She ate ice cream')).toMatchObject({ topic: 'food', hypernym: 'frozen dessert' });
    expect(describeEnd('We will have to be in it, or he can run')).toBeUndefined();
  });

  it('looks no further back than it is told', () => {
    const text = 'The spaniel and the horse and the fox. Then he came to the table';
    expect(describeEnd(text)).toMatchObject({ topic: 'animal' });
    expect(describeEnd(text, undefined, 3)).not.toMatchObject({ topic: 'animal' });
  });

  it.each([
    ['The spaniel is well-known', 'well-known'],
    ['The spaniel is eleph', 'eleph'],
    ['The spaniel ran,', ','],
    ['The spaniel ran\n\n', 'line break'],
    ['The spaniel ran ', 'space'],
    ['The spaniel weighs 12', '12'],
    ['The spaniel 😀', '😀'],
  ])('names the end of %j', (text, last) => {
    expect(describeEnd(text)).toMatchObject({ topic: 'animal', last });
  });

  it('says nothing of a text without nouns', () => {
    for (const text of ['', ' ', '…', 'und es ist so', '12 34']) expect(describeEnd(text)).toBeUndefined();
  });
});

describe('nounLemmas', () => {
  it.each([
    ['dogs', 'dog'],
    ['churches', 'church'],
    ['berries', 'berry'],
    ['wolves', 'wolf'],
    ['knives', 'knife'],
    ['women', 'woman'],
    ['Children', 'child'],
    ['glass', 'glass'],
    ['boxes', 'box'],
    ['ice creams', 'ice cream'],
    ['analyses', 'analysis'],
  ])('finds %s', (written, lemma) => {
    expect(nounLemmas(written).find((one) => lexicon.lookUp(one))).toBe(lemma);
  });

  it('does not stumble over names of objects', () => {
    expect(nounLemmas('constructor')).toEqual(['constructor']);
  });
});
