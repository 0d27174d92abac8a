import type { Figures } from '@nlakit/core';

/**
 * The headline figures of evaluations as an aligned text table, one block an evaluator: a row per figure, a column per step, which
 * stays readable for many figures and for many steps alike. Empty without evaluations.
 */
export function headlineTable(
  evaluations: readonly { readonly evaluator: string; readonly step: number; readonly headline: Figures }[],
): string {
  const blocks: string[] = [];
  for (const id of new Set(evaluations.map(({ evaluator }) => evaluator))) {
    const columns = evaluations.filter(({ evaluator }) => evaluator === id);
    const names = [...new Set(columns.flatMap(({ headline }) => Object.keys(headline)))];
    const rows = [
      [`${id}, step`, ...columns.map(({ step }) => String(step))],
      ...names.map((name) => [`  ${name}`, ...columns.map(({ headline }) => formatFigure(headline[name]))]),
    ];
    const widths = Array.from({ length: columns.length + 1 }, (_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
    blocks.push(
      rows
        .map((row) =>
          row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  '),
        )
        .join('\n'),
    );
  }
  return blocks.join('\n\n');
}

function formatFigure(value: number | undefined): string {
  if (value === undefined) return '';
  return Number.isInteger(value) ? String(value) : value.toFixed(3);
}
