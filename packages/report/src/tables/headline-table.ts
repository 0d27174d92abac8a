import type { HeadlineColumn } from '@nlakit/core';
import type { StepHeadline } from '../report-data.js';
import { type Cell, type CellMaker, words } from '../traced/cell.js';
import { pointerTo } from '../traced/json-pointer.js';
import { figures, type Table, texts } from '../traced/table.js';

/** So many columns of figures fit beside each other; more are shown one below the other. */
const most = 14;

/**
 * Evaluations of one evaluator in the columns that it names itself: a row a step, or, where columns are many or unnamed, a row a figure
 * and a column a step. Steps that are retracted stay, and say so.
 */
export function headlineTable(cell: CellMaker, evaluations: readonly StepHeadline[]): Table {
  const named = evaluations.findLast(({ columns }) => columns !== undefined);
  const columns: readonly HeadlineColumn[] =
    named?.columns ??
    [...new Set(evaluations.flatMap(({ headline }) => Object.keys(headline)))].map((figure) => ({ figure, label: figure }));
  const shown = columns
    .map((column, index) => ({ column, index }))
    .filter(({ column }) => evaluations.some(({ headline }) => headline[column.figure] !== undefined));
  const valueOf = ({ file }: StepHeadline, { figure, format, interval }: HeadlineColumn): Cell =>
    cell(format ?? 'auto', file, ...[figure, ...(interval ?? [])].map((name) => pointerTo('headline', name)));
  if (named !== undefined && shown.length <= most) {
    const anyRetracted = evaluations.some(({ retracted }) => retracted);
    return {
      columns: [figures('step'), ...(anyRetracted ? [texts('note')] : []), ...shown.map(({ column }) => figures(headOf(column)))],
      rows: evaluations.map((evaluation) => [
        cell('count', evaluation.file, '/step'),
        ...(anyRetracted ? [words(evaluation.retracted ? 'retracted' : '')] : []),
        ...shown.map(({ column }) => valueOf(evaluation, column)),
      ]),
    };
  }
  return {
    columns: [texts('figure'), ...evaluations.map(({ step, retracted }) => figures(`step ${step}${retracted ? ' (retracted)' : ''}`))],
    rows: shown.map(({ column, index }) => [labelOf(column, index), ...evaluations.map((evaluation) => valueOf(evaluation, column))]),
  };

  /** The evaluator's own words may hold digits, so they are traced, too. */
  function labelOf(column: HeadlineColumn, index: number): Cell {
    if (named !== undefined) return cell('text', named.file, pointerTo('columns', index, 'label'));
    const first = evaluations.find(({ headline }) => headline[column.figure] !== undefined);
    return cell('key', first?.file ?? '', pointerTo('headline', column.figure));
  }
}

function headOf({ label, interval }: HeadlineColumn): string {
  return interval === undefined ? label : `${label} [95 %]`;
}
