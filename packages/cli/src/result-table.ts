import { formatFigure, formatInterval, type Figures, type HeadlineColumn } from '@nlakit/core';
import { alignColumns } from './align-columns.js';

interface Result {
  /** Id of the evaluator in the config. */
  readonly id: string;
  readonly step: number;
  readonly headline: Figures;
  readonly columns?: readonly HeadlineColumn[];
}

/** So many columns of figures fit beside each other; more are shown one below the other. */
const most = 13;

/**
 * Evaluations as aligned text, one block an evaluator, in the columns it names itself: a row a step, or, where columns are many or unnamed,
 * a row a figure and a column a step.
 */
export function resultTable(results: readonly Result[]): string {
  return [...new Set(results.map(({ id }) => id))]
    .map((id) => {
      const own = results.filter((result) => result.id === id).sort((a, b) => a.step - b.step);
      const named = own.find(({ columns }) => columns !== undefined)?.columns;
      const shown = (named ?? [...new Set(own.flatMap(({ headline }) => Object.keys(headline)))].map(unnamed)).filter(({ figure }) =>
        own.some(({ headline }) => headline[figure] !== undefined),
      );
      const cells = own.map(({ step, headline }) => [String(step), ...shown.map((column) => cell(headline, column))]);
      const labels = shown.map(({ label, interval }) => `${label}${interval === undefined ? '' : ' [95 %]'}`);
      if (named !== undefined && shown.length <= most) return `${id}\n${alignColumns([['step', ...labels], ...cells])}`;
      const lines = [`${id}, step`, ...labels.map((label) => `  ${label}`)];
      return alignColumns(
        lines.map((label, index) => [label, ...cells.map((row) => row[index] ?? '')]),
        1,
      );
    })
    .join('\n\n');
}

function unnamed(figure: string): HeadlineColumn {
  return { figure, label: figure };
}

function cell(headline: Figures, { figure, format, interval }: HeadlineColumn): string {
  const value = headline[figure];
  if (value === undefined) return '';
  const [low, high] = (interval ?? []).map((name) => headline[name]);
  return low === undefined || high === undefined ? formatFigure(value, format) : formatInterval(value, low, high, format);
}
