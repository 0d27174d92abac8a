import type { ReportData, StepEvaluation } from '../report-data.js';
import { pointerTo } from '../traced/json-pointer.js';
import { figures, type Table, texts, withoutEmptyColumns } from '../traced/table.js';

/** All conditions of one evaluation: what each gave the reconstructor, how close it came, and how far AV_OUT is from it. */
export function conditionTable({ cell }: ReportData, { file, conditions }: StepEvaluation): Table {
  return withoutEmptyColumns({
    columns: [
      texts('condition'),
      texts('what the AR was given'),
      figures('rows'),
      figures('mean cosine [95 %]'),
      figures('sd'),
      figures('median'),
      figures('share above the threshold'),
      figures('fve_nrm'),
      figures('fve_nrm of a constant'),
      figures('AV_OUT − condition [95 %]'),
      figures('p'),
      figures('p (Holm)'),
      figures('d_z'),
    ],
    rows: conditions.map(({ condition }) => {
      const own = (name: string) => pointerTo('summary', 'conditions', condition, name);
      const cosine = (name: string) => pointerTo('summary', 'conditions', condition, 'cosine', name);
      const difference = (name: string) => pointerTo('summary', 'differences', condition, name);
      return [
        cell('key', file, pointerTo('summary', 'conditions', condition)),
        cell('text', file, own('meaning')),
        cell('count', file, own('n')),
        cell('number', file, cosine('value'), cosine('low'), cosine('high')),
        cell('number', file, own('sd')),
        cell('number', file, own('median')),
        cell('share', file, own('shareAbove')),
        cell('number', file, own('fveNrm')),
        cell('number', file, own('constantFveNrm')),
        cell('difference', file, difference('value'), difference('low'), difference('high')),
        cell('p', file, difference('p')),
        cell('p', file, pointerTo('summary', 'family', condition, 'pHolm')),
        cell('number', file, difference('dZ')),
      ];
    }),
  });
}
