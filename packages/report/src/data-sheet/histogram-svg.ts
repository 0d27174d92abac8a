import type { Histogram } from '@nlakit/dataset';
import { escapeHtml } from '../escape.js';

const [width, height] = [320, 110];
const [left, bottom] = [6, 22];

/**
 * A histogram as SVG that takes its colours from the page, so that it follows light, dark and print. Written by hand: bars and two labels
 * need no chart library, and a page of it stays small.
 */
export function histogramSvg({ start, step, counts }: Histogram, label: string): string {
  const most = counts.reduce((largest, count) => Math.max(largest, count), 1);
  const wide = (width - 2 * left) / Math.max(1, counts.length);
  const bars = counts
    .map((count, index) => {
      const tall = ((height - bottom - 14) * count) / most;
      const title = `${number(start + index * step)} to ${number(start + (index + 1) * step)}: ${count}`;
      const x = left + index * wide;
      const shape = `x="${x.toFixed(2)}" y="${(height - bottom - tall).toFixed(2)}" width="${Math.max(0.5, wide - 1).toFixed(2)}" height="${tall.toFixed(2)}"`;
      return `<rect class="bar" ${shape}><title>${title}</title></rect>`;
    })
    .join('');
  const end = start + counts.length * step;
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeHtml(label)}">
<text class="tick" x="${left}" y="10">most in a bar: ${most}</text>${bars}
<line class="axis" x1="${left}" x2="${width - left}" y1="${height - bottom}" y2="${height - bottom}"/>
<text class="tick" x="${left}" y="${height - 7}">${number(start)}</text><text class="tick" x="${width - left}" y="${height - 7}" text-anchor="end">${number(end)}</text>
</svg>`;
}

/** Four digits that count, without the noise of binary fractions. */
export function number(value: number): string {
  return Number.isInteger(value) && Math.abs(value) < 1e6 ? String(value) : String(Number(value.toPrecision(4)));
}
