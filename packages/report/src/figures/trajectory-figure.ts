import type { TopLevelSpec } from 'vega-lite';
import type { StepEvaluation } from '../report-data.js';
import { stepAxis } from './step-axis.js';
import { CONDITION_COLORS, FIGURE_CONFIG } from './theme.js';

/** The trajectory: each condition's mean cosine over the checkpoints, and beside it `AV_OUT - SHUFFLED` with its interval. */
export function trajectoryFigure(evaluations: readonly StepEvaluation[]): TopLevelSpec {
  const names = ['GOLD', 'AV_OUT', 'MEAN', 'EMPTY', 'SHUFFLED'];
  const conditions = evaluations.flatMap((evaluation) =>
    evaluation.conditions
      .filter((point) => names.includes(point.condition))
      .map((point) => ({
        step: point.step,
        condition: point.condition,
        cosine: point.cosine.value,
        low: point.cosine.low,
        high: point.cosine.high,
      })),
  );
  const differences = evaluations.flatMap((evaluation) =>
    evaluation.differences
      .filter((point) => point.against === 'SHUFFLED')
      .map((point) => ({ step: point.step, value: point.difference.value, low: point.difference.low, high: point.difference.high })),
  );
  const x = stepAxis(evaluations.map(({ step }) => step));
  return {
    config: FIGURE_CONFIG,
    title: { text: 'The trajectory', subtitle: 'bands and whiskers: 95 % intervals over rows' },
    hconcat: [
      {
        width: 470,
        height: 240,
        data: { values: conditions },
        encoding: {
          x,
          color: {
            field: 'condition',
            type: 'nominal',
            title: null,
            scale: { domain: names, range: names.map((name) => CONDITION_COLORS[name] ?? '#000000') },
            legend: { orient: 'top', symbolOpacity: 1, symbolType: 'circle', offset: 4 },
          },
        },
        layer: [
          {
            mark: { type: 'area', opacity: 0.15 },
            encoding: {
              y: { field: 'low', type: 'quantitative', title: 'cosine with the true activation', scale: { zero: false } },
              y2: { field: 'high' },
            },
          },
          { mark: { type: 'line', point: true }, encoding: { y: { field: 'cosine', type: 'quantitative' } } },
        ],
      },
      {
        title: { text: 'AV_OUT − SHUFFLED', fontSize: 12, fontWeight: 'normal' as const },
        width: 330,
        height: 240,
        data: { values: differences },
        layer: [
          {
            data: { values: [{ zero: 0 }] },
            mark: { type: 'rule', color: '#999999', strokeDash: [4, 4] },
            encoding: { y: { field: 'zero', type: 'quantitative' } },
          },
          {
            mark: { type: 'rule', strokeWidth: 1.5, color: '#0072b2' },
            encoding: { x, y: { field: 'low', type: 'quantitative', title: 'difference of cosines' }, y2: { field: 'high' } },
          },
          { mark: { type: 'line', point: true, color: '#0072b2' }, encoding: { x, y: { field: 'value', type: 'quantitative' } } },
        ],
      },
    ],
  };
}
