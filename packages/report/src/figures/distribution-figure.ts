import type { TopLevelSpec } from 'vega-lite';
import type { StepEvaluation } from '../report-data.js';
import { colorScale, FIGURE_CONFIG, FIGURE_HEIGHT, FIGURE_WIDTH } from './theme.js';

/** How many rows have which cosine, for AV_OUT and SHUFFLED, with a line at the cosine that a constant reaches. */
export function distributionFigure({ cosines, rho, conditions }: StepEvaluation): TopLevelSpec {
  const names = ['AV_OUT', 'SHUFFLED'].filter((name) => cosines.some((row) => row[name] !== undefined));
  const values = names.flatMap((condition) =>
    cosines.flatMap((row) => (row[condition] === undefined ? [] : [{ condition, cosine: row[condition] }])),
  );
  const constant = rho ?? conditions.find(({ condition }) => condition === 'MEAN')?.cosine.value;
  return {
    config: FIGURE_CONFIG,
    title: { text: 'Cosines of the rows against the constant' },
    width: FIGURE_WIDTH,
    height: FIGURE_HEIGHT,
    layer: [
      {
        data: { values },
        mark: { type: 'bar', opacity: 0.55, binSpacing: 0 },
        encoding: {
          x: { field: 'cosine', type: 'quantitative', bin: { step: 0.05 }, title: 'cosine with the true activation' },
          y: { aggregate: 'count', type: 'quantitative', stack: null, title: 'rows' },
          color: {
            field: 'condition',
            type: 'nominal',
            title: null,
            scale: colorScale(names),
            legend: { orient: 'top', symbolOpacity: 1, symbolType: 'circle', offset: 4 },
          },
        },
      },
      ...(constant === undefined
        ? []
        : [
            {
              data: { values: [{ constant, label: 'ρ: a constant' }] },
              layer: [
                {
                  mark: { type: 'rule' as const, strokeWidth: 2, color: '#555555' },
                  encoding: { x: { field: 'constant', type: 'quantitative' as const } },
                },
                {
                  mark: { type: 'text' as const, align: 'left' as const, dx: 5, fontSize: 11, color: '#555555' },
                  encoding: {
                    x: { field: 'constant', type: 'quantitative' as const },
                    y: { value: 8 },
                    text: { field: 'label' },
                  },
                },
              ],
            },
          ]),
    ],
  };
}
