import { expect, it } from 'vitest';
import { formatFigure, formatInterval } from './index.js';

it.each([
  [240, 'count', '240'],
  [0.43837, 'number', '0.438'],
  [-0.43837, 'number', '−0.438'],
  [0.0315, 'difference', '+0.032'],
  [-0.0315, 'difference', '−0.032'],
  [0.165, 'share', '16.5 %'],
  [0.0000999, 'p', '0.00010'],
  [0.0431, 'p', '0.043'],
  [7, undefined, '7'],
  [-0.00012, undefined, '−0.00012'],
  [3.14159, undefined, '3.142'],
] as const)('shows %s as %s: %s', (value, format, text) => {
  expect(formatFigure(value, format)).toBe(text);
});

it('shows an interval in the format of its figure', () => {
  expect(formatInterval(0.0247, -0.0012, 0.0511, 'difference')).toBe('+0.025 [−0.001, +0.051]');
});
