import { createSeedStreams } from '@nlakit/run';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkDisjoint, countFamilies, familyOf, splitDocuments, splitOfDocument } from './index.js';

const ids = (count: number) => Array.from({ length: count }, (_, index) => `doc_${index}`);
const random = (seed: number) => createSeedStreams(seed).stream('split');
const sizes = (split: ReadonlyMap<string, string>) => countFamilies(split.values());

describe('splitDocuments', () => {
  it('meets the shares, and covers every document once', () => {
    const split = splitDocuments(ids(1000), { fractions: { avSft: 0.25, arSft: 0.25, heldOut: 0.5 }, random: random(42) });
    expect(sizes(split)).toEqual({ heldOut: 500, arSft: 250, avSft: 250 });
    expect([...split.keys()].sort()).toEqual(ids(1000).sort());
  });

  it('depends on the set of documents and the seed, not on their order', () => {
    const fractions = { avSft: 0.3, arSft: 0.3, heldOut: 0.4 };
    const forward = splitDocuments(ids(50), { fractions, random: random(1) });
    expect(splitDocuments(ids(50).reverse(), { fractions, random: random(1) })).toEqual(forward);
    expect(splitDocuments(ids(50), { fractions, random: random(2) })).not.toEqual(forward);
  });

  it('gives each wanted split a document, and each document a split, for any shares', () => {
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 200 }), fc.tuple(fc.nat(20), fc.nat(20), fc.nat(20)), fc.nat(), (count, parts, seed) => {
        const sum = parts[0] + parts[1] + parts[2];
        fc.pre(sum > 0);
        const fractions = { avSft: parts[0] / sum, arSft: parts[1] / sum, heldOut: parts[2] / sum };
        const split = splitDocuments(ids(count), { fractions, random: random(seed) });
        expect(split.size).toBe(count);
        const found = sizes(split);
        for (const name of ['avSft', 'arSft', 'heldOut'] as const) {
          const size = found[name] ?? 0;
          if (fractions[name] === 0) expect(size).toBe(0);
          else expect(Math.abs(size - fractions[name] * count)).toBeLessThan(3);
          expect(size > 0).toBe(fractions[name] > 0);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('refuses shares that are none, and fewer documents than splits', () => {
    expect(() => splitDocuments(ids(9), { fractions: { avSft: 0.5, arSft: 0.5, heldOut: 0.5 }, random: random(0) })).toThrow(/add up to 1/);
    expect(() => splitDocuments(ids(2), { fractions: { avSft: 0.2, arSft: 0.2, heldOut: 0.6 }, random: random(0) })).toThrow(/fewer/);
  });
});

describe('splitOfDocument', () => {
  it('never moves a document, and meets the shares on average', () => {
    const options = { fractions: { avSft: 0.6, arSft: 0.2, heldOut: 0.2 }, seed: 7 };
    const names = ids(5000).map((id) => splitOfDocument(id, options));
    const counts = countFamilies(names);
    expect((counts.avSft ?? 0) / 5000).toBeCloseTo(0.6, 1);
    expect((counts.arSft ?? 0) / 5000).toBeCloseTo(0.2, 1);
    expect(splitOfDocument('doc_17', options)).toBe(names[17]);
  });
});

describe('checkDisjoint', () => {
  it('names a document in two splits', () => {
    expect(() => checkDisjoint({ avSft: ['a', 'a', 'b'], arSft: ['c'], heldOut: ['d'] })).not.toThrow();
    const leaky = () => checkDisjoint({ avSft: ['a'], arSft: ['c'], heldOut: ['d', 'a'] });
    expect(leaky).toThrow(expect.objectContaining({ code: 'E_DATASET_LEAK', message: expect.stringContaining('a (avSft and heldOut)') }));
  });
});

describe('families', () => {
  it('come from the corpus, else from the id', () => {
    expect(familyOf({ id: 'wik_00012' })).toBe('wik');
    expect(familyOf({ id: 'c4:train:7' })).toBe('c4');
    expect(familyOf({ id: 'letters/a.txt' })).toBe('none');
    expect(familyOf({ id: 'wik_1', meta: { family: 'wikipedia' } })).toBe('wikipedia');
    expect(Object.entries(countFamilies(['b', 'a', 'b', 'c']))).toEqual([
      ['b', 2],
      ['a', 1],
      ['c', 1],
    ]);
  });
});
