import { createSeedStreams } from '@nlakit/run';
import { describe, expect, it } from 'vitest';
import { createDocumentFilter, filterOptionsSchema } from './index.js';
import { bandKeys, minHash, similarity } from './min-hash.js';

const filter = (options: Record<string, unknown> = {}) => createDocumentFilter(filterOptionsSchema.parse(options));
const random = createSeedStreams(3).stream('words');
const words = (count: number) => Array.from({ length: count }, () => `w${random.integer(3000)}`);

/** Jaccard similarity of the sets of five-word shingles, by the definition. */
function jaccard(one: readonly string[], other: readonly string[]): number {
  const shingles = (list: readonly string[]) => new Set(list.slice(0, -4).map((_, start) => list.slice(start, start + 5).join(' ')));
  const [first, second] = [shingles(one), shingles(other)];
  const shared = [...first].filter((shingle) => second.has(shingle)).length;
  return shared / (first.size + second.size - shared);
}

/** A copy in which each word is exchanged with the probability given. */
function blurred(text: readonly string[], rate: number): string[] {
  return text.map((word) => (random.uniform() < rate ? `x${random.integer(3000)}` : word));
}

describe('createDocumentFilter', () => {
  it('leaves out what is too short or too long', () => {
    const one = filter({ minCharacters: 5, maxCharacters: 10 });
    expect([' four ', 'five5', 'ten chars!', 'eleven char'].map((text) => one.reason(text))).toEqual([
      'too-short',
      undefined,
      undefined,
      'too-long',
    ]);
    expect(one.counts()).toEqual({ 'too-short': 1, 'too-long': 1 });
  });

  it('finds exact repeats whatever their white space and Unicode form, and keeps the first', () => {
    const one = filter();
    expect(['caf\u00e9 au lait', 'cafe\u0301  au\nlait', 'cafe au lait'].map((text) => one.reason(text))).toEqual([
      undefined,
      'duplicate',
      undefined,
    ]);
    expect(filter({ duplicates: 'keep' }).reason('a')).toBeUndefined();
  });

  it('finds banned words as whole words, and phrases over line ends', () => {
    const one = filter({ bannedTerms: ['ass', 'c++', 'first second'] });
    expect(['Classes pass.', 'An ASS!', 'in C++ code', 'c+ +', 'First\n second'].map((text) => one.reason(text))).toEqual([
      undefined,
      'banned-term',
      'banned-term',
      undefined,
      'banned-term',
    ]);
  });

  it('finds near repeats, and lets different texts through', () => {
    const one = filter({ duplicates: 'near' });
    const texts = Array.from({ length: 60 }, () => words(150));
    expect(texts.map((text) => one.reason(text.join(' ')))).toEqual(texts.map(() => undefined));
    const copies = texts.map((text) => blurred(text, 0.005)).filter((copy, index) => jaccard(copy, texts[index] ?? []) > 0.9);
    expect(copies.length).toBeGreaterThan(40);
    expect(copies.every((copy) => one.reason(copy.join(' ')) !== undefined)).toBe(true);
    const halves = texts.map((text) => [...text.slice(0, 75), ...words(75)]);
    expect(halves.every((half) => one.reason(half.join(' ')) === undefined)).toBe(true);
  });
});

describe('minHash', () => {
  it('estimates the Jaccard similarity of the shingles', () => {
    const errors = Array.from({ length: 80 }, (_, index) => {
      const text = words(200);
      const copy = blurred(text, index / 800);
      return similarity(minHash(text.join(' ')), minHash(copy.join(' '))) - jaccard(text, copy);
    });
    const mean = errors.reduce((sum, error) => sum + error, 0) / errors.length;
    // The standard error of one estimate is at most sqrt(0.25 / 128) = 0.044.
    expect(Math.abs(mean)).toBeLessThan(0.02);
    expect(Math.max(...errors.map(Math.abs))).toBeLessThan(0.18);
  });

  it('does not depend on case and punctuation, and takes short and empty texts', () => {
    expect(minHash('One, two: three four five six')).toEqual(minHash('one two three (four) FIVE six!'));
    expect(similarity(minHash('one two'), minHash('one two'))).toBe(1);
    expect(similarity(minHash('one two'), minHash('two one'))).toBeLessThan(0.1);
    expect(bandKeys(minHash(''))).toHaveLength(16);
  });
});
