import type { TopLevelSpec } from 'vega-lite';
import type { StepEvaluation } from '../report-data.js';
import { colorOf, FIGURE_CONFIG, FIGURE_WIDTH } from './theme.js';

/** Every condition of one checkpoint, best first: mean cosine with its interval, and the best constant as a line through all of them. */
export function conditionsFigure({ conditions, rho }: StepEvaluation): TopLevelSpec {
  const sorted = [...conditions].sort((a, b) => b.cosine.value - a.cosine.value);
  const values = sorted.map(({ condition, cosine }) => ({ condition, cosine: cosine.value, low: cosine.low, high: cosine.high }));
  const constant = conditions.find(({ condition }) => condition === 'MEAN')?.cosine.value ?? rho;
  const names = sorted.map(({ condition }) => condition);
  const y = { field: 'condition', type: 'nominal' as const, sort: names, title: null, axis: { labelLimit: 200, grid: true } };
  return {
    config: FIGURE_CONFIG,
    title: { text: 'What each text gives the reconstructor' },
    width: FIGURE_WIDTH - 130,
    height: { step: 21 },
    data: { values },
    layer: [
      ...(constant === undefined
        ? []
        : [
            {
              data: { values: [{ constant }] },
              mark: { type: 'rule' as const, color: '#999999', strokeDash: [4, 4] },
              encoding: { x: { field: 'constant', type: 'quantitative' as const } },
            },
          ]),
      {
        mark: { type: 'rule' as const, strokeWidth: 2 },
        encoding: {
          y,
          x: { field: 'low', type: 'quantitative' as const, title: 'mean cosine with the true activation', scale: { zero: false } },
          x2: { field: 'high' },
          color: { field: 'condition', type: 'nominal' as const, legend: null, scale: { domain: names, range: names.map(colorOf) } },
        },
      },
      {
        mark: { type: 'circle' as const, size: 70, opacity: 1 },
        encoding: {
          y,
          x: { field: 'cosine', type: 'quantitative' as const },
          color: { field: 'condition', type: 'nominal' as const, legend: null, scale: { domain: names, range: names.map(colorOf) } },
        },
      },
    ],
  };
}
