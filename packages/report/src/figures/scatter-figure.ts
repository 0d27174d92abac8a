import type { TopLevelSpec } from 'vega-lite';
import type { StepEvaluation } from '../report-data.js';
import { colorOf, FIGURE_CONFIG, FIGURE_WIDTH } from './theme.js';

/** Rows that have AV_OUT and another condition, as `[other, AV_OUT]`. */
export function pairsOf({ cosines }: StepEvaluation, against: string): readonly (readonly [other: number, own: number])[] {
  return cosines.flatMap(({ AV_OUT: own, [against]: other }) => (own === undefined || other === undefined ? [] : [[other, own] as const]));
}

/** Every row's cosine with AV_OUT over that with a control. Rows above the diagonal are better off with their own explanation. */
export function scatterFigure(evaluation: StepEvaluation, against: string): TopLevelSpec {
  const pairs = pairsOf(evaluation, against);
  const values = pairs.map(([other, own]) => ({ other, own }));
  const all = pairs.flat();
  const low = Math.floor(10 * Math.min(0, ...all)) / 10;
  const high = Math.ceil(10 * Math.max(0, ...all)) / 10;
  const scale = { domain: [low, high], nice: false };
  return {
    config: FIGURE_CONFIG,
    title: { text: `Each row: AV_OUT over ${against}` },
    width: FIGURE_WIDTH,
    height: 300,
    layer: [
      {
        data: { values: [low, high].map((value) => ({ other: value, own: value })) },
        mark: { type: 'line', color: '#999999', strokeDash: [4, 4], strokeWidth: 1.5 },
        encoding: { x: { field: 'other', type: 'quantitative', scale }, y: { field: 'own', type: 'quantitative', scale } },
      },
      {
        data: { values },
        mark: { type: 'circle', size: 34, opacity: 0.55, color: colorOf('AV_OUT') },
        encoding: {
          x: { field: 'other', type: 'quantitative', title: `cosine, ${against}`, scale },
          y: { field: 'own', type: 'quantitative', title: 'cosine, AV_OUT', scale },
        },
      },
    ],
  };
}
