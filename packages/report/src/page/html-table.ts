import { escapeHtml } from '../escape.js';
import { sourceText } from '../traced/card-sources.js';
import type { Cell } from '../traced/cell.js';
import { type Sentence, textOf } from '../traced/sentence.js';
import type { Table } from '../traced/table.js';

/** A table; every cell names the place in a file that it comes from, and shows it to who points at it. */
export function htmlTable({ columns, rows }: Table, name = ''): string {
  const head = columns.map(({ label, figures }) => `<th scope="col"${figures ? ' class="number"' : ''}>${escapeHtml(label)}</th>`).join('');
  const body = rows
    .map((row) => `<tr>${row.map((cell, column) => tableCell(cell, columns[column]?.figures === true)).join('')}</tr>`)
    .join('\n');
  return `<div class="scroll" tabindex="0"${name === '' ? '' : ` aria-label="${escapeHtml(name)}"`}><table><thead><tr>${head}</tr></thead>\n<tbody>${body}</tbody></table></div>`;
}

/** A sentence whose numbers name their sources. */
export function htmlSentence(sentence: Sentence): string {
  const shown = textOf({ ...sentence, words: sentence.words.map(escapeHtml) }, htmlValue);
  return shown.replace(/`([^`]+)`/g, '<code>$1</code>');
}

/** A value in running text, with its source. */
export function htmlValue(cell: Cell): string {
  return cell.sources.length === 0 ? escapeHtml(cell.text) : `<data${sourceAttributes(cell)}>${escapeHtml(cell.text)}</data>`;
}

/** The attributes that name the source of a value. */
export function sourceAttributes({ format, sources }: Cell): string {
  if (sources.length === 0) return '';
  const from = escapeHtml(sources.map(sourceText).join(' '));
  return ` data-format="${format}" data-from="${from}" title="${escapeHtml(sources.slice(0, 1).map(sourceText).join(''))}"`;
}

function tableCell(cell: Cell, isFigure: boolean): string {
  const tone = cell.format === 'check' ? (cell.text === 'pass' ? 'good' : cell.text === 'FAIL' ? 'bad' : 'muted') : toneOf(cell);
  const classes = [isFigure ? 'number' : '', tone].filter((name) => name !== '').join(' ');
  return `<td${classes === '' ? '' : ` class="${classes}"`}${sourceAttributes(cell)}>${escapeHtml(cell.text)}</td>`;
}

/** An effect whose interval leaves out zero is coloured; one that does not is left as it is. */
function toneOf({ format, text }: Cell): string {
  const interval = format === 'difference' ? /\[([+−])[\d.]+, ([+−])[\d.]+\]$/.exec(text) : null;
  if (interval === null || interval[1] !== interval[2]) return '';
  return interval[1] === '+' ? 'good' : 'bad';
}
