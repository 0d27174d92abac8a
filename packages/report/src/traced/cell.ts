import { formatFigure, formatInterval, type FigureFormat, type JsonValue } from '@nlakit/core';
import { valueAt } from './json-pointer.js';

/**
 * How a traced value is shown: as {@link FigureFormat} says (three values are a figure with the ends of its interval); `auto` guesses;
 * `text` as it stands; `key` is the name that the value has, the last part of its pointer; `check` is pass or fail; `metric` is a number
 * with four decimals for machines; `seconds` is a time.
 */
export type CellFormat = FigureFormat | 'auto' | 'text' | 'key' | 'check' | 'metric' | 'seconds';

/** Where a value stands: a file of the release, and a place in it (RFC 6901). JSON and YAML files have places. */
export interface ValueSource {
  readonly file: string;
  readonly pointer: string;
}

/** A value as shown, with where it comes from. One without sources holds words of the report itself, and no number. */
export interface Cell {
  readonly text: string;
  readonly format: CellFormat;
  readonly sources: readonly ValueSource[];
}

/** The parsed files of a release by their paths; undefined for one that is not there or has no places. */
export type Documents = (file: string) => JsonValue | undefined;

/** A cell that holds nothing: what was not measured has no number. */
export const emptyCell: Cell = { text: '', format: 'text', sources: [] };

/** A cell that holds words of the report. */
export function words(text: string): Cell {
  return { text, format: 'text', sources: [] };
}

/** Makes cells whose texts are looked up: a number without a file cannot be shown. */
export function cellsOf(documents: Documents) {
  return (format: CellFormat, file: string, ...pointers: readonly string[]): Cell => {
    const sources = pointers.map((pointer) => ({ file, pointer }));
    const text = textOfSources(documents, format, sources) ?? textOfSources(documents, format, sources.slice(0, 1));
    if (text === undefined) return emptyCell;
    return { text, format, sources: textOfSources(documents, format, sources) === undefined ? sources.slice(0, 1) : sources };
  };
}

/** Makes {@link Cell}s of one set of files. */
export type CellMaker = ReturnType<typeof cellsOf>;

/** What the values at `sources` look like; undefined if one is not there or cannot be shown so. */
export function textOfSources(documents: Documents, format: CellFormat, sources: readonly ValueSource[]): string | undefined {
  const values: JsonValue[] = [];
  for (const { file, pointer } of sources) {
    const value = valueAt(documents(file), pointer);
    if (value === undefined) return undefined;
    values.push(value);
  }
  const [first] = values;
  if (format === 'key') return sources[0] === undefined ? undefined : lastPart(sources[0].pointer);
  if (format === 'text') return typeof first === 'string' || typeof first === 'number' ? String(first) : undefined;
  if (format === 'check') return first === true ? 'pass' : first === false ? 'FAIL' : 'not measured';
  const numbers = values.filter((value): value is number => typeof value === 'number' && Number.isFinite(value));
  const [value, low, high] = numbers;
  if (value === undefined || numbers.length !== values.length) return undefined;
  if (format === 'metric') return String(Number(value.toFixed(4)));
  if (format === 'seconds')
    return value < 600 ? `${value.toFixed(0)} s` : value < 36000 ? `${(value / 60).toFixed(0)} min` : `${(value / 3600).toFixed(1)} h`;
  const shown = format === 'auto' ? undefined : format;
  if (low === undefined || high === undefined) return numbers.length === 1 ? formatFigure(value, shown) : undefined;
  return formatInterval(value, low, high, shown);
}

function lastPart(pointer: string): string {
  return (pointer.split('/').at(-1) ?? '').replaceAll('~1', '/').replaceAll('~0', '~');
}
