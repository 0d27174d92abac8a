import { formatFigure, formatInterval, type Estimate } from '@nlakit/core';

/** A figure with three decimals and a true minus sign. */
export function formatNumber(value: number): string {
  return formatFigure(value, 'number');
}

/** `0.425 [0.393, 0.457]` */
export function formatEstimate({ value, low, high }: Estimate, signed = false): string {
  return formatInterval(value, low, high, signed ? 'difference' : 'number');
}
