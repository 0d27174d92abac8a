import type { Estimate } from '@nlakit/core';

/** A figure with three decimals and a true minus sign. */
export function formatNumber(value: number): string {
  return value.toFixed(3).replace('-', '−');
}

/** A figure of unknown kind: whole numbers as they are, small ones with two digits that count, the rest with three decimals. */
export function formatFigure(value: number): string {
  if (Number.isInteger(value)) return String(value).replace('-', '−');
  return Math.abs(value) < 0.001 ? value.toPrecision(2).replaceAll('-', '−') : formatNumber(value);
}

/** A difference: as {@link formatNumber}, with its sign. */
export function formatSigned(value: number): string {
  return `${value >= 0 ? '+' : ''}${formatNumber(value)}`;
}

/** `0.425 [0.393, 0.457]` */
export function formatEstimate(estimate: Estimate, signed = false): string {
  const show = signed ? formatSigned : formatNumber;
  return `${show(estimate.value)} [${show(estimate.low)}, ${show(estimate.high)}]`;
}

/** Text made safe for HTML. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** Text made safe for a Markdown table cell. */
export function escapeMarkdownCell(text: string): string {
  return text.replace(/\\/g, '\\\\').replace(/\|/g, '\\|').replace(/</g, '&lt;').replace(/\s+/g, ' ').trim();
}
