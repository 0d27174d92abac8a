import type { JsonValue } from '@nlakit/core';
import { RETRACTIONS_FILE, stepName } from '@nlakit/run';
import { parse } from 'yaml';
import { escapeMarkdownCell } from '../escape.js';
import { objectAt } from '../read-json.js';
import { retractionsIn } from '../read-report-data.js';
import type { ReleaseView } from '../release-view.js';
import { CARD_SOURCES_FILE, parseSource, type CardSources, type SourcedValue } from '../traced/card-sources.js';
import { textOfSources } from '../traced/cell.js';
import { pointerTo, valueAt } from '../traced/json-pointer.js';
import type { Finding } from './finding.js';
import { anchorOf, brokenLink, linksOfMarkdown } from './links.js';
import { markdownParts, type MarkdownCell, type MarkdownParts } from './markdown-parts.js';
import { isPendingCell, pendingIn } from './pending.js';

const file = 'README.md';

/** What is wrong with the card of a release; nothing for a release without one. */
export function lintCard(view: ReleaseView): readonly Finding[] {
  const text = view.texts.get(file);
  if (text === undefined) return [];
  const parts = markdownParts(text);
  const sources = sourcesIn(view.documents(CARD_SOURCES_FILE));
  return [
    ...pendingParts(parts),
    ...links(parts, view),
    ...tables(parts, view, sources),
    ...sentences(parts, view, sources),
    ...frontMatterNumbers(parts, view, sources),
    ...layout(parts, view),
    ...banner(text, view),
  ];
}

/** What traces the numbers of a card; entries of another form trace nothing. */
function sourcesIn(document: JsonValue | undefined): CardSources {
  const isSourced = (value: JsonValue): boolean => {
    const { from } = objectAt(value, '');
    return Array.isArray(from) && from.every((one) => typeof one === 'string');
  };
  const list = (key: string): readonly JsonValue[] => listAt(document, key);
  return {
    schema: 1,
    cells: list('cells').filter(isSourced) as unknown as CardSources['cells'],
    sentences: list('sentences').filter(
      (one) =>
        Array.isArray(objectAt(one, '')['words']) &&
        Array.isArray(objectAt(one, '')['values']) &&
        listAt(one, 'words').every((word) => typeof word === 'string') &&
        listAt(one, 'values').every(isSourced),
    ) as unknown as CardSources['sentences'],
    frontMatter: list('frontMatter').filter(isSourced) as unknown as CardSources['frontMatter'],
  };
}

function placeOf({ section, row, label, table }: MarkdownCell): string {
  return `${section}${table === 0 ? '' : `, table ${table + 1}`}, row ${row + 1}, column ${label}`;
}

function pendingParts({ cells, lines }: MarkdownParts): Finding[] {
  const expected = 'a value, or no row';
  const inCells = cells
    .filter(({ text }) => isPendingCell(text))
    .map((cell) => ({ code: 'E_LINT_PENDING', file, line: cell.line, place: placeOf(cell), found: cell.text, expected }));
  const inText = lines.flatMap(({ text, line, code, section }): Finding[] => {
    const found = code === undefined ? pendingIn(text) : undefined;
    return found === undefined
      ? []
      : [{ code: 'E_LINT_PENDING', file, line, place: section, found, expected: 'what is there, not what is planned' }];
  });
  return [...inCells, ...inText];
}

function links({ cells, lines, headings }: MarkdownParts, { paths }: ReleaseView): Finding[] {
  const anchors = new Set(headings.map(anchorOf));
  const inText = lines.filter(({ code }) => code === undefined).flatMap(({ text, line }) => linksOfMarkdown(text, line));
  const inCells = cells.flatMap(({ text, line }) => linksOfMarkdown(text, line));
  return [...inText, ...inCells].flatMap(({ target, line }): Finding[] => {
    const expected = brokenLink(target, paths, anchors);
    return expected === undefined ? [] : [{ code: 'E_LINT_LINK', file, line, found: target, expected }];
  });
}

function tables({ cells }: MarkdownParts, view: ReleaseView, sources: CardSources): Finding[] {
  const key = (cell: Pick<MarkdownCell, 'section' | 'table' | 'row' | 'column'>): string =>
    [cell.section, cell.table, cell.row, cell.column].join('\u0000');
  const traced = new Map(sources.cells.map((cell) => [key(cell), cell]));
  const findings = cells.flatMap((cell): Finding[] => {
    const { text, line } = cell;
    const source = traced.get(key(cell));
    const place = placeOf(cell);
    if (source === undefined) {
      if (!/\d/.test(text)) return [];
      return [{ code: 'E_LINT_UNTRACED', file, line, place, found: text, expected: `a number that ${CARD_SOURCES_FILE} traces to a file` }];
    }
    return compare(source, text, view, { line, place }, escapeMarkdownCell);
  });
  // Rows that were taken out: a table without its worst row is another table. Whole sections may be left out.
  const present = new Set(cells.map(({ section }) => section));
  const there = new Set(cells.map(key));
  const gone = sources.cells.filter((cell) => present.has(cell.section) && !there.has(key(cell)));
  const rows = new Map(gone.map((cell) => [[cell.section, cell.table, cell.row].join('\u0000'), cell]));
  return [
    ...findings,
    ...[...rows.values()].map((cell) => ({
      code: 'E_LINT_ROW',
      file,
      place: `${cell.section}, row ${cell.row + 1}`,
      found: 'no such row or cell',
      expected: `the one from ${cell.from[0] ?? ''}`,
    })),
  ];
}

function sentences({ lines, headings }: MarkdownParts, view: ReleaseView, sources: CardSources): Finding[] {
  return sources.sentences.flatMap(({ section, words, values }): Finding[] => {
    if (!headings.includes(section)) return [];
    const own = lines.filter((line) => line.section === section && line.code === undefined);
    const shown: string[] = [];
    for (const [index, word] of words.entries()) {
      const value = values[index];
      const text = value === undefined ? '' : valueText(value, view);
      if (text === undefined) return [missingSource(value, { place: section })];
      shown.push(word, text);
    }
    const expected = shown.join('');
    if (own.some(({ text }) => text.includes(expected))) return [];
    const start = words[0] ?? '';
    const near = start.length < 8 ? undefined : own.find(({ text }) => text.includes(start));
    return [
      {
        code: 'E_LINT_SENTENCE',
        file,
        ...(near === undefined ? {} : { line: near.line }),
        place: section,
        found: near?.text ?? 'no such sentence',
        expected: JSON.stringify(expected),
      },
    ];
  });
}

function frontMatterNumbers({ frontMatter }: MarkdownParts, view: ReleaseView, sources: CardSources): Finding[] {
  if (frontMatter === undefined) return [];
  let front: JsonValue;
  try {
    front = parse(frontMatter, { maxAliasCount: 0, logLevel: 'error' }) as JsonValue;
  } catch (error) {
    const found = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    return [{ code: 'E_LINT_FRONT_MATTER', file, line: 1, found, expected: 'front matter in YAML' }];
  }
  const index = objectAt(front, '')['model-index'];
  const entries = Array.isArray(index) ? (index as readonly JsonValue[]) : [];
  return entries.flatMap((entry, model) =>
    listAt(entry, 'results').flatMap((result, number) =>
      listAt(result, 'metrics').flatMap((metric, place): Finding[] => {
        const pointer = pointerTo('model-index', model, 'results', number, 'metrics', place, 'value');
        const source = sources.frontMatter.find((one) => one.pointer === pointer);
        const value = valueAt(front, pointer);
        const found = typeof value === 'number' || typeof value === 'string' ? String(value) : JSON.stringify(value ?? null);
        const name = String(objectAt(metric, '')['name'] ?? place);
        const line = frontMatter.split('\n').findIndex((one) => one.includes(name)) + 2;
        if (source === undefined) {
          return [
            {
              code: 'E_LINT_UNTRACED',
              file,
              line,
              place: `model-index, ${name}`,
              found,
              expected: `a number that ${CARD_SOURCES_FILE} traces to a file`,
            },
          ];
        }
        return compare(source, found, view, { line, place: `model-index, ${name}` });
      }),
    ),
  );
}

function listAt(value: JsonValue | undefined, key: string): readonly JsonValue[] {
  const inner = objectAt(value, '')[key];
  return Array.isArray(inner) ? (inner as readonly JsonValue[]) : [];
}

/** Folders that the card lists have to be there. */
function layout({ lines }: MarkdownParts, { paths }: ReleaseView): Finding[] {
  return lines
    .filter(({ section, code, text }) => section === 'Layout' && code !== undefined && text.trim() !== '')
    .flatMap(({ text, line }): Finding[] => {
      const folder = text.trim().split(/\s+/)[0] ?? '';
      if (paths.some((path) => path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`))) return [];
      return [{ code: 'E_LINT_LAYOUT', file, line, found: folder, expected: 'a folder that is in the release' }];
    });
}

/** A card that says nothing of retracted steps is older than their retraction. */
function banner(text: string, view: ReleaseView): Finding[] {
  const { steps } = retractionsIn(view.documents(RETRACTIONS_FILE));
  return [...steps.keys()].flatMap((step): Finding[] => {
    const folder = `trajectory/${stepName(step)}`;
    const said = text.split('\n').some((line) => line.includes('**Correction.**') && line.includes(folder));
    return said
      ? []
      : [{ code: 'E_LINT_RETRACTION', file, found: `nothing about ${folder}`, expected: 'a correction that names every retracted folder' }];
  });
}

/** Holds a text against what the files say. */
export function compare(
  source: SourcedValue,
  text: string,
  view: Pick<ReleaseView, 'documents'>,
  where: { readonly file?: string; readonly line?: number; readonly place: string },
  escaped: (text: string) => string = (one) => one,
): Finding[] {
  const expected = valueText(source, view);
  if (expected === undefined) return [missingSource(source, where)];
  if (escaped(expected) === text) return [];
  return [{ code: 'E_LINT_NUMBER', file, ...where, found: text, expected: `${JSON.stringify(expected)}, as ${source.from[0] ?? ''} says` }];
}

function valueText({ format, from }: SourcedValue, { documents }: Pick<ReleaseView, 'documents'>): string | undefined {
  return textOfSources(documents, format, from.map(parseSource));
}

function missingSource(
  source: SourcedValue | undefined,
  where: { readonly file?: string; readonly line?: number; readonly place: string },
): Finding {
  return {
    code: 'E_LINT_SOURCE',
    file,
    ...where,
    found: source?.from.join(', ') ?? '',
    expected: 'a value that is there, in a file of the release',
  };
}
