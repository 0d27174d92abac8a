import { NlaError } from '@nlakit/core';

/**
 * p-values of a family of tests, adjusted so that comparing each with α keeps the chance of any false rejection at α, however the tests
 * depend on each other (Holm 1979): the i-th smallest of m is multiplied by m - i + 1, made at least its predecessor, at most 1. The
 * order of the input is kept. `E_METRICS_PROBABILITY` for a p outside [0, 1]: a test that was not made does not belong to the family.
 */
export function holm(pValues: readonly number[]): number[] {
  pValues.forEach((p, index) => {
    if (p >= 0 && p <= 1) return;
    throw new NlaError('E_METRICS_PROBABILITY', { message: 'A p-value lies in [0, 1].', found: `${p} at index ${index}`, kind: 'input' });
  });
  const order = pValues.map((_, index) => index).sort((first, second) => (pValues[first] ?? 0) - (pValues[second] ?? 0));
  const adjusted = new Array<number>(pValues.length).fill(0);
  let largest = 0;
  order.forEach((index, rank) => {
    largest = Math.max(largest, Math.min(1, (pValues.length - rank) * (pValues[index] ?? 0)));
    adjusted[index] = largest;
  });
  return adjusted;
}
