import type { ReportData } from '../report-data.js';
import { pointerTo } from '../traced/json-pointer.js';
import { figures, type Table, texts } from '../traced/table.js';

/** The named checks of the evaluations, a row a check and a column a step; undefined where none are made. */
export function checkTable({ cell, evaluations }: ReportData): Table | undefined {
  const names = [...new Set(evaluations.flatMap(({ checks }) => checks))];
  if (names.length === 0) return undefined;
  return {
    columns: [texts('check'), ...evaluations.map(({ step, retracted }) => figures(`step ${step}${retracted ? ' (retracted)' : ''}`))],
    rows: names.map((name) => {
      const first = evaluations.find(({ checks }) => checks.includes(name));
      return [
        cell('key', first?.file ?? '', pointerTo('summary', 'checks', name)),
        ...evaluations.map(({ file }) => cell('check', file, pointerTo('summary', 'checks', name))),
      ];
    }),
  };
}
