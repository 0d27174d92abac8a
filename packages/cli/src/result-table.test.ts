import { expect, it } from 'vitest';
import { resultTable } from './result-table.js';

const estimate = (value: number) => ({ value, low: value - 0.1, high: value + 0.1 });

it('shows conditions with a row a step, other evaluators with a column a step', () => {
  const conditions = { AV_OUT: { cosine: estimate(0.5), fveNrm: -0.25 }, MEAN: { cosine: estimate(0.4) } };
  const h5 = (step: number) => ({
    id: 'h5',
    step,
    rows: [1, 2, 3],
    summary: { conditions, differences: { SHUFFLED: estimate(0.05) } },
    headline: { n: 3 },
  });
  const other = (step: number) => ({ id: 'retrieval', step, rows: [], summary: {}, headline: { topOne: step / 200, n: 7 } });
  expect(resultTable([h5(100), other(50), h5(50), other(100)])).toBe(
    [
      'h5: mean cosine of reconstruction and activation',
      'step  rows  AV_OUT   MEAN  fve_nrm  AV_OUT − SHUFFLED [95 %]',
      '  50     3   0.500  0.400   -0.250   +0.050 [-0.050, +0.150]',
      ' 100     3   0.500  0.400   -0.250   +0.050 [-0.050, +0.150]',
      '',
      'retrieval, step     50    100',
      '  topOne         0.250  0.500',
      '  n                  7      7',
    ].join('\n'),
  );
  expect(resultTable([])).toBe('');
});
