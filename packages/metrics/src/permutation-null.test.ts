import { expect, it } from 'vitest';
import { permutationNull } from './permutation-null.js';

it('counts the observed value among the draws', () => {
  // Two of four draws reach 2: (2 + 1) / (4 + 1).
  const found = permutationNull(2, [0, 1, 2, 3]);
  expect(found.p).toBeCloseTo(0.6, 12);
  expect(found.mean).toBeCloseTo(1.5, 12);
  expect(found.z).toBeCloseTo(0.5 / Math.sqrt(5 / 3), 12);
  expect(permutationNull(9, [0, 1, 2, 3]).p).toBeCloseTo(0.2, 12);
});

it('knows nothing where permuting changes nothing', () => {
  const third = 1 / 3;
  expect(permutationNull(0.1 + 0.2, [0.3, 0.3, 0.3])).toMatchObject({ p: 1, z: null });
  expect(permutationNull(third, [third])).toMatchObject({ p: 1, z: null });
});

it('refuses no draws', () => {
  expect(() => permutationNull(1, [])).toThrow(/permutation/);
});
