import type { Estimate } from '@nlakit/core';
import type { TopLevelSpec } from 'vega-lite';
import { FIGURE_CONFIG } from './theme.js';

/** One estimate with its interval: a line of {@link effectsFigure}. */
export interface EffectPoint extends Estimate {
  readonly label: string;
  /** Points of one group have one colour and stand together. */
  readonly group: string;
  /** Single values behind the estimate, such as those of each seed: drawn as small dots. */
  readonly single?: readonly number[];
}

/** What {@link effectsFigure} says around the points. */
export interface EffectsFigureOptions {
  readonly title: string;
  readonly subtitle: readonly string[];
  /** What the axis shows. */
  readonly unit: string;
  /** A value to be held against: drawn across the group that it belongs to. */
  readonly threshold?: { readonly value: number; readonly group: string };
}

const colors = ['#0072b2', '#d55e00', '#009e73', '#cc79a7'];

/** Estimates with whiskers, one a line, in panels by group; zero and a threshold as vertical lines. */
export function effectsFigure(points: readonly EffectPoint[], options: EffectsFigureOptions): TopLevelSpec {
  const { title, subtitle, unit, threshold } = options;
  const groups = [...new Set(points.map(({ group }) => group))];
  return {
    config: FIGURE_CONFIG,
    title: { text: title, subtitle: [...subtitle] },
    // Every group has its own axis: means and differences of them lie far apart.
    resolve: { scale: { x: 'independent' } },
    vconcat: groups.map((group, place) => {
      const own = points.filter((point) => point.group === group);
      const labels = own.map(({ label }) => label);
      const color = colors[place % colors.length] ?? '#000000';
      const y = { field: 'label', type: 'nominal' as const, title: null, sort: labels, axis: { labelLimit: 320, grid: false } };
      const line = (value: number, stroke: string, dash: number[]) => ({
        data: { values: [{ at: value }] },
        mark: { type: 'rule' as const, color: stroke, strokeDash: dash, strokeWidth: 1.5 },
        encoding: { x: { field: 'at', type: 'quantitative' as const } },
      });
      return {
        title: { text: group, fontSize: 12, fontWeight: 'normal' as const },
        width: 460,
        height: { step: 30 },
        data: { values: own.map(({ label, value, low, high }) => ({ label, value, low, high })) },
        layer: [
          line(0, '#bbbbbb', [4, 4]),
          ...(threshold?.group === group ? [line(threshold.value, '#d55e00', [2, 2])] : []),
          {
            mark: { type: 'rule' as const, strokeWidth: 2, color },
            encoding: { x: { field: 'low', type: 'quantitative' as const, title: unit }, x2: { field: 'high' }, y },
          },
          {
            mark: { type: 'circle' as const, size: 70, opacity: 1, color },
            encoding: { x: { field: 'value', type: 'quantitative' as const }, y },
          },
          {
            data: { values: own.flatMap(({ label, single = [] }) => single.map((value) => ({ label, value }))) },
            mark: { type: 'tick' as const, size: 12, thickness: 1.5, color: '#222222' },
            encoding: { x: { field: 'value', type: 'quantitative' as const }, y },
          },
        ],
      };
    }),
  };
}
