import type { TopLevelSpec } from 'vega-lite';
import type { StepEvaluation } from '../report-data.js';
import { CONDITION_COLORS, FIGURE_CONFIG } from './theme.js';

/** H5 bars with 95 % intervals: one panel a checkpoint, one bar a condition. */
export function conditionsFigure(evaluations: readonly StepEvaluation[]): TopLevelSpec {
  const names = Object.keys(CONDITION_COLORS);
  const values = evaluations.flatMap((evaluation) =>
    evaluation.conditions
      .filter((point) => names.includes(point.condition))
      .map((point) => ({
        panel: `step ${evaluation.step}`,
        condition: point.condition,
        cosine: point.cosine.value,
        low: point.cosine.low,
        high: point.cosine.high,
      })),
  );
  const rows = evaluations.at(-1)?.rows ?? 0;
  return {
    config: FIGURE_CONFIG,
    title: {
      text: 'H5: how well the reconstructor gets the vector back from each text',
      // Two lines: without a browser Vega guesses the width of a text too high and would widen the figure for a long one.
      subtitle: [
        `mean cosine with the true activation over ${rows} held-out rows`,
        'whiskers: 95 % intervals; MEAN: the best constant, no text',
      ],
    },
    data: { values },
    columns: Math.min(5, Math.max(1, evaluations.length)),
    facet: { field: 'panel', type: 'nominal', title: null, sort: evaluations.map((evaluation) => `step ${evaluation.step}`) },
    spec: {
      width: evaluations.length > 3 ? 130 : 200,
      height: 190,
      encoding: {
        x: { field: 'condition', type: 'nominal', sort: names, title: null, axis: { labelAngle: -55 } },
      },
      layer: [
        {
          mark: { type: 'bar', width: { band: 0.75 } },
          encoding: {
            y: { field: 'cosine', type: 'quantitative', title: 'cosine' },
            color: { field: 'condition', type: 'nominal', legend: null, scale: { domain: names, range: Object.values(CONDITION_COLORS) } },
          },
        },
        {
          mark: { type: 'rule', strokeWidth: 1.5, color: '#222222' },
          encoding: { y: { field: 'low', type: 'quantitative' }, y2: { field: 'high' } },
        },
      ],
    },
  };
}
