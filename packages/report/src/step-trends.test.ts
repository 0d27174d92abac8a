import type { StoredEvaluation } from '@nlakit/run';
import { expect, it } from 'vitest';
import { stepTrends } from './step-trends.js';

/** 30 rows that gain `slope` a step on SHUFFLED, row by row more or less, and stay where they are on EMPTY. */
function evaluation(step: number, slope: number, reconstructor = 'one'): StoredEvaluation {
  const rows = Array.from({ length: 30 }, (_, index) => ({
    id: `r${index}`,
    documentId: `d${Math.floor(index / 2)}`,
    cosines: {
      AV_OUT: 0.5 + 0.01 * index,
      SHUFFLED: 0.5 - slope * step * (1 + ((index % 5) - 2) / 10),
      EMPTY: 0.1,
      SHUFFLED_SAME_TOKEN: index < 20 ? 0.3 : null,
    },
  }));
  return { step, rows, reconstructor: { step: 1, sha256: reconstructor } } as unknown as StoredEvaluation;
}

it('fits the slope row by row, with its interval', () => {
  const [shuffled, same, empty] = stepTrends(
    [50, 100, 150].map((step) => evaluation(step, 0.0002)),
    ['SHUFFLED', 'SHUFFLED_SAME_TOKEN', 'EMPTY'],
    0,
  );
  expect(shuffled).toMatchObject({ against: 'SHUFFLED', firstStep: 50, lastStep: 150, steps: 3, rows: 30 });
  expect(shuffled?.per100.value).toBeCloseTo(0.02, 10);
  expect(shuffled?.per100.low).toBeGreaterThan(0.018);
  expect(shuffled?.p).toBeLessThan(0.001);
  expect(same?.rows).toBe(20);
  expect(empty?.per100).toEqual({ value: 0, low: 0, high: 0 });
  expect(empty?.p).toBe(1);
});

it('fits nothing to one step, to conditions that are not there, and to steps that were measured with different reconstructors', () => {
  expect(stepTrends([evaluation(50, 1)], ['SHUFFLED'], 0)).toEqual([]);
  expect(stepTrends([evaluation(50, 1), evaluation(100, 1)], ['GOLD'], 0)).toEqual([]);
  expect(stepTrends([evaluation(50, 1), evaluation(100, 1, 'other')], ['SHUFFLED'], 0)).toEqual([]);
  expect(stepTrends([], ['SHUFFLED'], 0)).toEqual([]);
});
