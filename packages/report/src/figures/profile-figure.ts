import type { Estimate } from '@nlakit/core';
import type { TopLevelSpec } from 'vega-lite';
import { FIGURE_CONFIG } from './theme.js';

/** A point of a line of {@link profileFigure}; without interval where low and high are the value. */
export interface ProfilePoint extends Estimate {
  readonly x: number;
  readonly series: string;
}

/** A panel: lines over one axis. */
export interface ProfilePanel {
  readonly title: string;
  readonly unit: string;
  readonly points: readonly ProfilePoint[];
  /** What chance, or a threshold, is, by series: dotted. */
  readonly baseline?: readonly { readonly x: number; readonly series: string; readonly value: number }[];
  /** A straight line: dashed. */
  readonly line?: readonly { readonly x: number; readonly value: number }[];
  /** Whether the axis has to begin at 0. */
  readonly zero?: boolean;
}

const colors = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'];

/** Values with whiskers over a common axis, in panels side by side, `columns` in a row. */
export function profileFigure(
  panels: readonly ProfilePanel[],
  options: {
    readonly title: string;
    readonly subtitle: readonly string[];
    readonly axis: string;
    readonly columns?: number;
    readonly ticks?: readonly number[];
  },
): TopLevelSpec {
  const series = [...new Set(panels.flatMap(({ points }) => points.map((point) => point.series)))];
  const x = {
    field: 'x',
    type: 'quantitative' as const,
    title: options.axis,
    scale: { zero: false, nice: false, padding: 14 },
    axis: { grid: false, ...(options.ticks === undefined ? { tickCount: 6 } : { values: [...options.ticks], format: 'd' }) },
  };
  const color = {
    field: 'series',
    type: 'nominal' as const,
    title: null,
    scale: { domain: series, range: series.map((_, place) => colors[place % colors.length] ?? '#000000') },
    legend: series.length < 2 ? null : { orient: 'top' as const, symbolOpacity: 1, symbolType: 'circle' as const },
  };
  const quantity = (field: string, title?: string, zero = false) => ({
    field,
    type: 'quantitative' as const,
    scale: { zero },
    ...(title === undefined ? {} : { title }),
  });
  return {
    config: FIGURE_CONFIG,
    title: { text: options.title, subtitle: [...options.subtitle] },
    columns: options.columns ?? 3,
    concat: panels.map(({ title, unit, points, baseline = [], line = [], zero = false }) => ({
      title: { text: title, fontSize: 12, fontWeight: 'normal' as const },
      width: 300,
      height: 220,
      data: { values: points.map((point) => ({ ...point })) },
      layer: [
        {
          data: { values: baseline.map((point) => ({ ...point })) },
          mark: { type: 'line' as const, strokeDash: [2, 3], strokeWidth: 1.5 },
          encoding: { x, y: quantity('value', unit, zero), color },
        },
        {
          data: { values: line.map((point) => ({ ...point })) },
          mark: { type: 'line' as const, strokeDash: [6, 4], color: '#888888' },
          encoding: { x, y: quantity('value', unit, zero) },
        },
        {
          mark: { type: 'rule' as const, strokeWidth: 1.5 },
          encoding: { x, y: quantity('low', unit, zero), y2: { field: 'high' }, color },
        },
        { mark: { type: 'line' as const, point: { size: 36 } }, encoding: { x, y: quantity('value', unit, zero), color } },
      ],
    })),
  };
}
