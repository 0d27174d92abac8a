/** One cell of a Markdown table. */
export interface MarkdownCell {
  /** Heading of the section the table is in. */
  readonly section: string;
  /** Place of the table in its section, of the row in the table and of the cell in the row, from 0; the heading row does not count. */
  readonly table: number;
  readonly row: number;
  readonly column: number;
  /** Heading of the column. */
  readonly label: string;
  /** As it stands, escapes included. */
  readonly text: string;
  readonly line: number;
}

/** A line outside of tables. */
export interface MarkdownLine {
  readonly section: string;
  readonly text: string;
  readonly line: number;
  /** Language of the code block the line is in; undefined outside of code. */
  readonly code?: string;
}

/** A card in parts, front matter apart. Lines count from 1 in the whole file. */
export interface MarkdownParts {
  readonly frontMatter: string | undefined;
  readonly cells: readonly MarkdownCell[];
  readonly lines: readonly MarkdownLine[];
  readonly headings: readonly string[];
}

/** Takes a card apart as the Hub shows it: front matter, sections, tables, code. */
export function markdownParts(text: string): MarkdownParts {
  const all = text.split(/\r?\n/);
  const end = all[0] === '---' ? all.indexOf('---', 1) : -1;
  const cells: MarkdownCell[] = [];
  const lines: MarkdownLine[] = [];
  const headings: string[] = [];
  let section = '';
  let table = -1;
  let labels: readonly string[] | undefined;
  let row = 0;
  let code: string | undefined;
  all.forEach((content, index) => {
    if (index <= end) return;
    const line = index + 1;
    const fence = /^\s*(?:```|~~~)(\S*)/.exec(content);
    if (fence !== null) {
      code = code === undefined ? (fence[1] ?? '') : undefined;
      labels = undefined;
      return;
    }
    if (code !== undefined) {
      lines.push({ section, text: content, line, code });
      return;
    }
    const heading = /^#{1,6}\s+(.*?)\s*#*$/.exec(content)?.[1];
    if (heading !== undefined) {
      section = heading;
      headings.push(heading);
      table = -1;
      labels = undefined;
      lines.push({ section, text: content, line });
      return;
    }
    const isRow = /^\s*\|/.test(content);
    if (!isRow) {
      labels = undefined;
      lines.push({ section, text: content, line });
      return;
    }
    if (labels === undefined) {
      labels = cellsOfRow(content);
      table += 1;
      row = -1;
      return;
    }
    if (/^\s*\|[\s:|-]+$/.test(content) && row === -1) {
      row = 0;
      return;
    }
    if (row < 0) row = 0;
    cellsOfRow(content).forEach((cell, column) => {
      cells.push({ section, table, row, column, label: labels?.[column] ?? `${column + 1}`, text: cell, line });
    });
    row += 1;
  });
  return { frontMatter: end > 0 ? all.slice(1, end).join('\n') : undefined, cells, lines, headings };
}

function cellsOfRow(content: string): string[] {
  const inner = content
    .trim()
    .replace(/^\|/, '')
    .replace(/(?<!\\)\|$/, '');
  return inner.split(/(?<!\\)\|/).map((cell) => cell.trim());
}
