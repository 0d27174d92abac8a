import { escapeHtml } from '../escape.js';
import type { ExampleRow, ReportData, StepEvaluation } from '../report-data.js';
import type { Cell } from '../traced/cell.js';
import { pointerTo } from '../traced/json-pointer.js';
import { htmlValue, sourceAttributes } from './html-table.js';

/** So many characters of a text are shown at once; what is longer unfolds. */
const folded = 320;

const headings = {
  best: 'Best: the highest cosines of AV_OUT',
  median: 'Median: around the middle',
  worst: 'Worst: the lowest cosines of AV_OUT',
} as const;

/** Examples in full: source text, gold label, explanation and cosines, best first; long texts fold. */
export function examples(data: ReportData, evaluation: StepEvaluation): string {
  return (['best', 'median', 'worst'] as const)
    .map((group) => {
      const rows = evaluation.examples.filter((row) => row.group === group);
      return rows.length === 0 ? '' : `<h3>${headings[group]}</h3>\n${rows.map((row) => example(data, evaluation, row)).join('\n')}`;
    })
    .join('\n');
}

function example({ cell }: ReportData, { file, conditions }: StepEvaluation, row: ExampleRow): string {
  const at = (...path: readonly string[]) => pointerTo('rows', row.index, ...path);
  const cosines = conditions
    .filter(({ condition }) => ['AV_OUT', 'GOLD', 'SHUFFLED', 'SHUFFLED_SAME_TOKEN', 'MEAN', 'EMPTY'].includes(condition))
    .map(({ condition }) => ({ condition, value: cell('number', file, at('cosines', condition)) }))
    .filter(({ value }) => value.text !== '')
    .map(({ condition, value }) => `<span>${escapeHtml(condition)} ${htmlValue(value)}</span>`);
  const said = cell('text', file, at('explanation'));
  const gold = cell('text', file, at('gold'));
  return `<article class="example"><div class="cosines">${cosines.join('')}</div>
<div class="source">${long(cell('text', file, at('text')), (text) => markToken(text, row.token))}</div>
<div class="pair"><div><div class="label">explanation of the AV</div><div class="said">${long(said.text === '' ? cell('text', file, at('output')) : said)}</div></div>
${gold.text === '' ? '' : `<div><div class="label">gold label</div><div class="said">${long(gold)}</div></div>`}</div></article>`;
}

/** The whole text, folded behind its end where it is long: the vector was read at the end. */
function long(cell: Cell, show: (text: string) => string = escapeHtml): string {
  const whole = `<data${sourceAttributes(cell)}>${show(cell.text)}</data>`;
  if (cell.text.length <= folded) return whole;
  const end = cell.text.slice(-folded / 2).replace(/^\S*\s/, '');
  return `<details><summary>… ${escapeHtml(end)}</summary>${whole}</details>`;
}

function markToken(text: string, token: string): string {
  const trimmed = token.trim();
  if (trimmed === '' || !text.endsWith(trimmed)) return escapeHtml(text);
  return `${escapeHtml(text.slice(0, text.length - trimmed.length))}<mark>${escapeHtml(trimmed)}</mark>`;
}
