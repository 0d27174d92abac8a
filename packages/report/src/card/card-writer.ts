import { escapeMarkdownCell } from '../escape.js';
import type { CardSources, SourcedValue } from '../traced/card-sources.js';
import { sourceText } from '../traced/card-sources.js';
import type { Cell } from '../traced/cell.js';
import { type Sentence, textOf } from '../traced/sentence.js';
import type { Table } from '../traced/table.js';

/** Writes a card and, beside it, where its numbers come from. */
export interface CardWriter {
  heading(level: 1 | 2 | 3, text: string): void;
  paragraph(text: string): void;
  /** A sentence whose numbers are traced, as a paragraph or behind `before`. */
  traced(sentence: Sentence, before?: string): void;
  bullets(items: readonly (string | Sentence)[]): void;
  table(table: Table): void;
  code(language: string, lines: readonly string[]): void;
  finish(): { readonly body: string; readonly sources: Omit<CardSources, 'frontMatter'> };
}

/** An empty card. */
export function createCardWriter(): CardWriter {
  const lines: string[] = [];
  const cells: CardSources['cells'][number][] = [];
  const sentences: CardSources['sentences'][number][] = [];
  let section = '';
  let tables = 0;

  const remember = (sentence: Sentence): string => {
    if (sentence.cells.length > 0) sentences.push({ section, words: sentence.words, values: sentence.cells.map(sourced) });
    return textOf(sentence);
  };

  return {
    heading(level, text) {
      lines.push(`${'#'.repeat(level)} ${text}`, '');
      section = text;
      tables = 0;
    },
    paragraph(text) {
      lines.push(text, '');
    },
    traced(sentence, before = '') {
      lines.push(`${before}${remember(sentence)}`, '');
    },
    bullets(items) {
      for (const item of items) lines.push(`- ${typeof item === 'string' ? item : remember(item)}`);
      lines.push('');
    },
    table({ columns, rows }) {
      lines.push(
        `| ${columns.map(({ label }) => escapeMarkdownCell(label)).join(' | ')} |`,
        `|${columns.map(({ figures }) => (figures ? '---:' : '---')).join('|')}|`,
      );
      rows.forEach((row, rowIndex) => {
        lines.push(`| ${row.map(({ text }) => escapeMarkdownCell(text)).join(' | ')} |`);
        row.forEach((cell, column) => {
          if (cell.sources.length > 0) cells.push({ section, table: tables, row: rowIndex, column, ...sourced(cell) });
        });
      });
      lines.push('');
      tables += 1;
    },
    code(language, content) {
      lines.push(`\`\`\`${language}`, ...content, '```', '');
    },
    finish: () => ({ body: lines.join('\n'), sources: { schema: 1, cells, sentences } }),
  };
}

function sourced({ format, sources }: Cell): SourcedValue {
  return { format, from: sources.map(sourceText) };
}
