import { expect, it } from 'vitest';
import { resultTable } from './result-table.js';

it('shows evaluators in the columns they name, and others with a column a step', () => {
  const named = (step: number) => ({
    id: 'h5',
    step,
    headline: { n: 3, avOut: 0.5, fve: -0.25, difference: 0.05, low: -0.05, high: 0.15, hidden: 1 },
    columns: [
      { figure: 'n', label: 'rows', format: 'count' as const },
      { figure: 'avOut', label: 'AV_OUT', format: 'number' as const },
      { figure: 'notMeasured', label: 'GOLD', format: 'number' as const },
      { figure: 'fve', label: 'fve_nrm', format: 'number' as const },
      { figure: 'difference', label: 'AV_OUT − SHUFFLED', format: 'difference' as const, interval: ['low', 'high'] as const },
    ],
  });
  const other = (step: number) => ({ id: 'retrieval', step, headline: { topOne: step / 200, n: 7 } });
  expect(resultTable([named(100), other(50), named(50), other(100)])).toBe(
    [
      'h5',
      'step  rows  AV_OUT  fve_nrm  AV_OUT − SHUFFLED [95 %]',
      '  50     3   0.500   −0.250   +0.050 [−0.050, +0.150]',
      ' 100     3   0.500   −0.250   +0.050 [−0.050, +0.150]',
      '',
      'retrieval, step     50    100',
      '  topOne         0.250  0.500',
      '  n                  7      7',
    ].join('\n'),
  );
  expect(resultTable([])).toBe('');
});

it('puts many named columns below each other', () => {
  const columns = Array.from({ length: 20 }, (_, index) => ({ figure: `f${index}`, label: `share ${index}`, format: 'share' as const }));
  const headline = Object.fromEntries(columns.map(({ figure }, index) => [figure, index / 20]));
  const lines = resultTable([{ id: 'wide', step: 50, headline, columns }]).split('\n');
  expect(lines).toHaveLength(21);
  expect(lines[0]).toMatch(/^wide, step +50$/);
  expect(lines[3]).toMatch(/^ {2}share 2 +10\.0 %$/);
});
