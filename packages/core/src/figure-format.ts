/**
 * How a figure is shown: a whole number, three decimals, three decimals with the sign, a percentage, or a p value. Without one it is
 * guessed: whole numbers as they are, small ones with two digits that count, the rest with three decimals.
 */
export type FigureFormat = 'count' | 'number' | 'difference' | 'share' | 'p';

/** A figure as tables show it, with a true minus sign. */
export function formatFigure(value: number, format?: FigureFormat): string {
  return plainText(value, format).replaceAll('-', '−');
}

/** `0.425 [0.393, 0.457]`: a figure with the ends of its interval. */
export function formatInterval(value: number, low: number, high: number, format?: FigureFormat): string {
  const [centre, from, to] = [value, low, high].map((one) => formatFigure(one, format));
  return `${centre ?? ''} [${from ?? ''}, ${to ?? ''}]`;
}

function plainText(value: number, format: FigureFormat | undefined): string {
  switch (format) {
    case 'count':
      return String(Math.round(value));
    case 'number':
      return value.toFixed(3);
    case 'difference':
      return `${value >= 0 ? '+' : ''}${value.toFixed(3)}`;
    case 'share':
      return `${(100 * value).toFixed(1)} %`;
    case 'p':
    case undefined:
      if (Number.isInteger(value)) return String(value);
      return Math.abs(value) < 0.001 ? value.toPrecision(2) : value.toFixed(3);
  }
}
