import { expect, it } from 'vitest';
import { firstWords } from './shortened-dataset.js';

it('keeps the first words as they stand', () => {
  expect(firstWords('one  two three four', 2)).toBe('one  two');
  expect(firstWords('one two', 5)).toBe('one two');
  expect(firstWords('', 3)).toBe('');
});
