import type { TopLevelSpec } from 'vega-lite';
import type { StepPoint } from '../report-data.js';
import { FIGURE_CONFIG } from './theme.js';

const ROLE_TITLES = { av: 'AV: cross-entropy, nats per response token', ar: 'AR: 2 (1 − cosine)' } as const;

/** Training loss of every step as dots with a running mean over them, one panel a role. */
export function lossFigure(points: readonly StepPoint[]): TopLevelSpec {
  const roles = (['av', 'ar'] as const).filter((role) => points.some((point) => point.role === role));
  return {
    config: FIGURE_CONFIG,
    title: { text: 'Training loss', subtitle: 'dots: each step; line: mean of the last ten steps' },
    hconcat: roles.map((role) => ({
      title: { text: ROLE_TITLES[role], fontSize: 12, fontWeight: 'normal' as const },
      width: 400,
      height: 220,
      data: { values: smooth(points.filter((point) => point.role === role)) },
      encoding: {
        x: { field: 'step', type: 'quantitative' as const, title: 'step', scale: { nice: false }, axis: { tickMinStep: 1, tickCount: 6 } },
      },
      layer: [
        {
          mark: { type: 'circle' as const, size: 10, opacity: 0.35, color: '#0072b2' },
          encoding: { y: { field: 'loss', type: 'quantitative' as const, title: 'loss', scale: { zero: false } } },
        },
        {
          mark: { type: 'line' as const, strokeWidth: 2, color: '#0072b2' },
          encoding: { y: { field: 'smooth', type: 'quantitative' as const } },
        },
      ],
    })),
  };
}

function smooth(points: readonly StepPoint[]): { step: number; loss: number; smooth: number }[] {
  return points.map((point, index) => {
    const window = points.slice(Math.max(0, index - 9), index + 1);
    return { step: point.step, loss: point.loss, smooth: window.reduce((sum, item) => sum + item.loss, 0) / window.length };
  });
}
