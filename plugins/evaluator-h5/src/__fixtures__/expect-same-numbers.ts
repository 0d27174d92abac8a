import { expect } from 'vitest';

/** Fails unless both trees have the same keys, the same texts and numbers within 1e-9 of each other. Keys named `meaning` are passed over. */
export function expectSameNumbers(first: unknown, second: unknown, path = 'summary'): void {
  if (typeof first === 'number' && typeof second === 'number') {
    expect(Math.abs(first - second), `${path}: ${first} and ${second}`).toBeLessThanOrEqual(1e-9);
  } else if (typeof first === 'object' && typeof second === 'object' && first !== null && second !== null) {
    const keys = Object.keys(first).filter((key) => key !== 'meaning');
    expect(Object.keys(second).sort(), path).toEqual(keys.sort());
    for (const key of keys) {
      expectSameNumbers((first as Record<string, unknown>)[key], (second as Record<string, unknown>)[key], `${path}.${key}`);
    }
  } else {
    expect(second, path).toEqual(first);
  }
}
