import { describe, expect, it } from 'vitest';
import { parseExplanation } from './parse-explanation.js';

describe('parseExplanation', () => {
  it.each([
    ['<explanation>a b</explanation>', 'a b'],
    ['<explanation>\n a\n\nb \n</explanation>\n', 'a\n\nb'],
    ['Sure: <explanation>one</explanation><explanation>two</explanation>', 'one'],
    ['</explanation> <explanation>late</explanation>', 'late'],
    ['<explanation>a <explanation>b</explanation>', 'a <explanation>b'],
    ['<explanation></explanation>', ''],
    ['<explanation>never closed', null],
    ['never opened</explanation>', null],
    ['<Explanation>case</Explanation>', null],
    ['', null],
  ])('%j gives %j', (text, expected) => {
    expect(parseExplanation(text)).toBe(expected);
  });

  it.each([
    ['a b</explanation> rest', 'a b'],
    ['\na\n</explanation>', 'a'],
    ['<explanation>again</explanation>', 'again'],
    ['never closed', null],
  ])('after a prompt that opened the tag, %j gives %j', (text, expected) => {
    expect(parseExplanation(text, { opened: true })).toBe(expected);
  });
});
