import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { familyOf } from './family-of.js';
import { histogram } from './histogram.js';

describe('histogram', () => {
  it('counts every value in the bin that holds it', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 200 }), (values) => {
        const { start, step, counts } = histogram(values);
        expect(counts.reduce((sum, count) => sum + count, 0)).toBe(values.length);
        expect(counts.length).toBeLessThanOrEqual(50);
        expect(start).toBeLessThanOrEqual(Math.min(...values) + 1e-9 * step);
        expect(start + counts.length * step).toBeGreaterThanOrEqual(Math.max(...values) - 1e-6 * step);
      }),
      { numRuns: 200 },
    );
  });

  it('gives whole numbers whole bins of round width', () => {
    expect(histogram([1, 2, 2, 5])).toEqual({ start: 1, step: 1, counts: [1, 2, 0, 0, 1] });
    expect(histogram(Array.from({ length: 400 }, (_, index) => 50 + index)).step).toBe(20);
    expect(histogram([3, 3, 3]).counts).toEqual([3]);
    expect(histogram([]).counts).toEqual([]);
  });
});

it('families are what document ids begin with', () => {
  expect(['fwe_000012', 'HuggingFaceFW/fineweb:train:7', 'doc_1', 'dog.n.01', ''].map(familyOf)).toEqual([
    'fwe',
    'HuggingFaceFW/fineweb',
    'doc',
    'none',
    'none',
  ]);
});
