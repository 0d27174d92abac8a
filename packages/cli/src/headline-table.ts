import type { Figures } from '@nlakit/core';

/** The headline figures of evaluations as an aligned text table, one block an evaluator; empty without evaluations. */
export function headlineTable(
  evaluations: readonly { readonly evaluator: string; readonly step: number; readonly headline: Figures }[],
): string {
  const blocks: string[] = [];
  for (const id of new Set(evaluations.map(({ evaluator }) => evaluator))) {
    const rows = evaluations.filter(({ evaluator }) => evaluator === id);
    const names = [...new Set(rows.flatMap(({ headline }) => Object.keys(headline)))];
    const cells = [
      ['step', ...names],
      ...rows.map(({ step, headline }) => [String(step), ...names.map((name) => formatFigure(headline[name]))]),
    ];
    const widths = names.map((_, column) => Math.max(...cells.map((row) => row[column + 1]?.length ?? 0)));
    const stepWidth = Math.max(...cells.map((row) => row[0]?.length ?? 0));
    blocks.push(
      [
        id,
        ...cells.map(([step = '', ...rest]) =>
          [step.padStart(stepWidth), ...rest.map((cell, column) => cell.padStart(widths[column] ?? 0))].join('  '),
        ),
      ].join('\n'),
    );
  }
  return blocks.join('\n\n');
}

function formatFigure(value: number | undefined): string {
  if (value === undefined) return '';
  return Number.isInteger(value) ? String(value) : value.toFixed(3);
}
