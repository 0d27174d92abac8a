import fc from 'fast-check';
import { expect, it } from 'vitest';
import { documentPermutation } from './document-permutation.js';

function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

it('is a permutation, whatever the documents', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 30 }), fc.integer(), (documents, seed) => {
      const found = documentPermutation(documents, uniform(seed));
      expect([...found].sort((a, b) => a - b)).toEqual(documents.map((_, row) => row));
    }),
  );
});

it('moves documents of equal size as wholes', () => {
  const documents = ['a', 'b', 'a', 'c', 'b', 'c'];
  const seen = new Set<string>();
  for (let seed = 0; seed < 200; seed += 1) {
    const found = documentPermutation(documents, uniform(seed * 7919));
    const given = [...found].map((row) => documents[row] ?? '');
    for (const name of ['a', 'b', 'c']) expect(new Set(given.filter((_, row) => documents[row] === name)).size).toBe(1);
    seen.add(given.join(''));
  }
  expect(seen.size).toBe(6);
});

it('reaches every order of single rows about equally often', () => {
  const random = uniform(1);
  const counts = new Map<string, number>();
  for (let draw = 0; draw < 6000; draw += 1) {
    const key = documentPermutation(['a', 'b', 'c'], random).join('');
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  expect(counts.size).toBe(6);
  for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(150);
});

it('also exchanges the rows of one document, so that their order says nothing', () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 100; seed += 1) seen.add(documentPermutation(['a', 'a', 'a'], uniform(seed * 7919)).join(''));
  expect(seen.size).toBe(6);
});
