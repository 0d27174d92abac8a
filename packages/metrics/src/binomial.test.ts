import { describe, expect, it } from 'vitest';
import { binomialUpperP } from './index.js';

/** The sum itself, term by term. */
function summed(successes: number, trials: number, chance: number): number {
  let sum = 0;
  for (let hits = successes; hits <= trials; hits += 1) {
    let term = chance ** hits * (1 - chance) ** (trials - hits);
    for (let factor = 1; factor <= hits; factor += 1) term *= (trials - hits + factor) / factor;
    sum += term;
  }
  return sum;
}

describe('binomialUpperP', () => {
  it('is the sum of the tail', () => {
    for (const trials of [1, 5, 30, 50]) {
      for (const chance of [0.2, 0.25, 0.5]) {
        for (let successes = 0; successes <= trials; successes += 1) {
          expect(binomialUpperP(successes, trials, chance)).toBeCloseTo(summed(successes, trials, chance), 10);
        }
      }
    }
  });

  it('gives published values of forced choices among five', () => {
    // 12 of 50 and 8 of 30: p .29 and .24.
    expect(binomialUpperP(12, 50, 0.2)).toBeCloseTo(0.29, 2);
    expect(binomialUpperP(8, 30, 0.2)).toBeCloseTo(0.24, 2);
    // A test without its own count would give less.
    expect(binomialUpperP(13, 50, 0.2)).toBeLessThan(0.2);
  });

  it('knows its ends', () => {
    expect(binomialUpperP(0, 7, 0.3)).toBe(1);
    expect(binomialUpperP(7, 7, 0.3)).toBeCloseTo(0.3 ** 7, 12);
    expect(() => binomialUpperP(0, 0, 0.3)).toThrow(/trial/);
    for (const successes of [-1, 8, 1.5, NaN]) expect(() => binomialUpperP(successes, 7, 0.3)).toThrow(/Successes/);
  });
});
