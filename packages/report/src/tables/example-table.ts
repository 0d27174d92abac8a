import type { ReportData, StepEvaluation } from '../report-data.js';
import { words } from '../traced/cell.js';
import { pointerTo } from '../traced/json-pointer.js';
import { figures, type Table, texts, withoutEmptyColumns } from '../traced/table.js';

/** The examples of an evaluation with text, gold label, explanation and cosines, best first. */
export function exampleTable({ cell }: ReportData, { file, examples }: StepEvaluation): Table {
  return withoutEmptyColumns({
    columns: [texts('chosen as'), texts('text'), texts('gold'), texts('AV'), figures('AV_OUT'), figures('SHUFFLED'), figures('MEAN')],
    rows: examples.map(({ group, index }) => {
      const at = (...path: readonly string[]) => pointerTo('rows', index, ...path);
      const said = cell('text', file, at('explanation'));
      return [
        words(group),
        cell('text', file, at('text')),
        cell('text', file, at('gold')),
        said.text === '' ? cell('text', file, at('output')) : said,
        ...['AV_OUT', 'SHUFFLED', 'MEAN'].map((condition) => cell('number', file, at('cosines', condition))),
      ];
    }),
  });
}
