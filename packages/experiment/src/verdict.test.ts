import { expect, it } from 'vitest';
import { verdict } from './verdict.js';

it.each([
  [{ atLeast: 0.05 }, 'met'],
  [{ atLeast: 0.08 }, 'met'],
  [{ atLeast: 0.1 }, 'undecided'],
  [{ atLeast: 0.13 }, 'not met'],
  [{ atMost: 0.05 }, 'not met'],
  [{ atMost: 0.1 }, 'undecided'],
  [{ atMost: 0.12 }, 'met'],
] as const)('holds the whole interval [0.08, 0.12] against %j: %s', (threshold, expected) => {
  expect(verdict({ value: 0.1, low: 0.08, high: 0.12 }, threshold)).toBe(expected);
});
