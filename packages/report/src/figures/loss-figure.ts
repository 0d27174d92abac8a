import type { TopLevelSpec } from 'vega-lite';
import type { StepLoss } from '../run-facts.js';
import { FIGURE_CONFIG, FIGURE_HEIGHT, FIGURE_WIDTH } from './theme.js';

const axisTitles = { av: 'cross-entropy, nats per token', ar: '2 (1 − cosine)' } as const;

/** Training loss of one role: every step as a dot, with a running mean over them. */
export function lossFigure(points: readonly StepLoss[], role: 'av' | 'ar'): TopLevelSpec {
  return {
    config: FIGURE_CONFIG,
    title: { text: `Training loss of the ${role.toUpperCase()}` },
    width: FIGURE_WIDTH,
    height: FIGURE_HEIGHT,
    data: { values: smooth(points) },
    encoding: {
      x: { field: 'step', type: 'quantitative', title: 'training step', scale: { nice: false }, axis: { tickMinStep: 1, tickCount: 6 } },
    },
    layer: [
      {
        mark: { type: 'circle', size: 10, opacity: 0.35, color: '#0072b2' },
        encoding: { y: { field: 'loss', type: 'quantitative', title: axisTitles[role], scale: { zero: false } } },
      },
      { mark: { type: 'line', strokeWidth: 2, color: '#0072b2' }, encoding: { y: { field: 'smooth', type: 'quantitative' } } },
    ],
  };
}

function smooth(points: readonly StepLoss[]): { step: number; loss: number; smooth: number }[] {
  return points.map((point, index) => {
    const window = points.slice(Math.max(0, index - 9), index + 1);
    return { step: point.step, loss: point.loss, smooth: window.reduce((sum, item) => sum + item.loss, 0) / window.length };
  });
}
