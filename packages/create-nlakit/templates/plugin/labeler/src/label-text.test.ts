import { describe, expect, it } from 'vitest';
import { labelText } from './label-text.js';

const topics = { animal: ['dog'], food: ['bread'] };

describe('labelText', () => {
  it('names every topic whose keywords occur, and the last token', () => {
    expect(labelText('A Dog eats bread', ' bread', topics)).toEqual({
      explanation: 'A text about animal and food. Last read: "bread".',
      fields: { topic: 'animal and food', last: 'bread' },
    });
  });

  it('looks for whole words, and says nothing where there is nothing to say', () => {
    expect(labelText('a dogma', ' dogma', topics)).toBeUndefined();
  });
});
