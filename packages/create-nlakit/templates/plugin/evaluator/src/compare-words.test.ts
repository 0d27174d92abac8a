import { describe, expect, it } from 'vitest';
import { compareWords, wordsOf } from './compare-words.js';

describe('compareWords', () => {
  it('counts shared words once for each time both have them', () => {
    expect(compareWords('the dog the', 'The dog barks.')).toEqual({ precision: 2 / 3, recall: 2 / 3, f1: 2 / 3 });
  });

  it('is 1 for the same words in another order, and 0 without shared words', () => {
    expect(compareWords('barks dog', 'dog barks').f1).toBe(1);
    expect(compareWords('cat', 'dog')).toEqual({ precision: 0, recall: 0, f1: 0 });
    expect(compareWords('', 'dog').f1).toBe(0);
  });

  it('knows words of any script', () => {
    expect(wordsOf('Ein Übel: 2 Dinge — 犬')).toEqual(['ein', 'übel', '2', 'dinge', '犬']);
  });
});
