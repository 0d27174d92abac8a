import { expect, it } from 'vitest';
import { roundRow } from './round-row.js';

it('keeps the largest value, and of others the nearest multiple of the step', () => {
  const row = Float32Array.from([1, -0.6, 0.2, 0]);
  roundRow(row, 3);
  // Three bits hold -3 to 3: the step is a third.
  [1, -2 / 3, 1 / 3, 0].forEach((value, index) => expect(row[index]).toBeCloseTo(value, 6));
  const zeros = new Float32Array(3);
  roundRow(zeros, 8);
  expect([...zeros]).toEqual([0, 0, 0]);
});
