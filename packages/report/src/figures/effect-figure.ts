import type { TopLevelSpec } from 'vega-lite';
import type { StepEvaluation } from '../report-data.js';
import { stepAxis } from './step-axis.js';
import { colorScale, FIGURE_CONFIG, FIGURE_HEIGHT, FIGURE_WIDTH } from './theme.js';

/** Names of the effects that {@link effectFigure} draws, as far as they were measured. */
const drawn = ['SHUFFLED', 'SHUFFLED_SAME_TOKEN', 'MEAN'];

/** What counts: AV_OUT minus its controls over the checkpoints, with intervals and the line of no effect. */
export function effectFigure(evaluations: readonly StepEvaluation[]): TopLevelSpec {
  const names = drawn.filter((name) => evaluations.some(({ differences }) => differences.some(({ against }) => against === name)));
  const values = evaluations.flatMap(({ step, differences }) =>
    differences
      .filter(({ against }) => names.includes(against))
      .map(({ against, difference }) => ({ step, against, value: difference.value, low: difference.low, high: difference.high })),
  );
  const x = stepAxis(evaluations.map(({ step }) => step));
  return {
    config: FIGURE_CONFIG,
    title: { text: 'AV_OUT minus its controls' },
    width: FIGURE_WIDTH,
    height: FIGURE_HEIGHT,
    data: { values },
    encoding: {
      color: {
        field: 'against',
        type: 'nominal',
        title: null,
        scale: colorScale(names),
        legend: { orient: 'top', symbolOpacity: 1, symbolType: 'circle', offset: 4, labelLimit: 220 },
      },
    },
    layer: [
      {
        data: { values: [{ zero: 0 }] },
        mark: { type: 'rule', strokeDash: [4, 4] },
        encoding: { y: { field: 'zero', type: 'quantitative' }, color: { value: '#999999' } },
      },
      {
        mark: { type: 'rule', strokeWidth: 1.5 },
        encoding: { x, y: { field: 'low', type: 'quantitative', title: 'difference of cosines' }, y2: { field: 'high' } },
      },
      { mark: { type: 'line', point: true }, encoding: { x, y: { field: 'value', type: 'quantitative' } } },
    ],
  };
}
