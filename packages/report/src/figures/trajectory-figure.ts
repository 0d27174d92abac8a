import type { TopLevelSpec } from 'vega-lite';
import type { StepEvaluation } from '../report-data.js';
import { stepAxis } from './step-axis.js';
import { colorScale, FIGURE_CONFIG, FIGURE_HEIGHT, FIGURE_WIDTH } from './theme.js';

/** The trajectory: each condition's mean cosine over the checkpoints, with its interval. */
export function trajectoryFigure(evaluations: readonly StepEvaluation[]): TopLevelSpec {
  const names = ['GOLD', 'AV_OUT', 'MEAN', 'EMPTY', 'SHUFFLED'].filter((name) =>
    evaluations.some(({ conditions }) => conditions.some(({ condition }) => condition === name)),
  );
  const values = evaluations.flatMap(({ step, conditions }) =>
    conditions
      .filter(({ condition }) => names.includes(condition))
      .map(({ condition, cosine }) => ({ step, condition, cosine: cosine.value, low: cosine.low, high: cosine.high })),
  );
  return {
    config: FIGURE_CONFIG,
    title: { text: 'Cosine with the true activation' },
    width: FIGURE_WIDTH,
    height: FIGURE_HEIGHT,
    data: { values },
    encoding: {
      x: stepAxis(evaluations.map(({ step }) => step)),
      color: {
        field: 'condition',
        type: 'nominal',
        title: null,
        scale: colorScale(names),
        legend: { orient: 'top', symbolOpacity: 1, symbolType: 'circle', offset: 4 },
      },
    },
    layer: [
      {
        mark: { type: 'area', opacity: 0.16 },
        encoding: { y: { field: 'low', type: 'quantitative', title: 'mean cosine', scale: { zero: false } }, y2: { field: 'high' } },
      },
      { mark: { type: 'line', point: true }, encoding: { y: { field: 'cosine', type: 'quantitative' } } },
    ],
  };
}
