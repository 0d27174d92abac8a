import { NlaError } from '@nlakit/core';
import { familyOf } from '../split/index.js';
import type { CorpusDocument } from './corpus-document.js';
import type { FieldOptions } from './source-options.js';

/** Where a record was found, for ids and errors. */
export interface RecordPlace {
  /** Name of the source. */
  readonly source: string;
  readonly file: string;
  /** Path of the file within the source, with `/`. */
  readonly path: string;
  /** From 0, within the file. */
  readonly index: number;
  /** From 1, where the file has lines. */
  readonly line?: number;
}

/**
 * A record of a table as a document. Without an id field the id is `source:path:index`, which holds as long as the file does. Throws
 * `E_CORPUS_FORMAT` for a record without text or without the id it should have.
 */
export function documentOf(record: Readonly<Record<string, unknown>>, fields: FieldOptions, place: RecordPlace): CorpusDocument {
  const text = record[fields.text];
  if (typeof text !== 'string') throw recordError(place, `no text in "${fields.text}"`, record);
  const id = fields.id === undefined ? `${place.source}:${place.path}:${place.index}` : idText(record[fields.id]);
  if (id === undefined) throw recordError(place, `no id in "${fields.id ?? ''}"`, record);
  const stated = fields.familyField === undefined ? undefined : idText(record[fields.familyField]);
  const family = fields.family ?? stated ?? (fields.id === undefined ? place.source : knownFamily(id, place.source));
  const meta = fields.meta.flatMap((name) => {
    const value = idText(record[name]);
    return value === undefined ? [] : [[name, value] as const];
  });
  return { id, text, family, ...(meta.length === 0 ? {} : { meta: Object.fromEntries(meta) }) };
}

function knownFamily(id: string, otherwise: string): string {
  const family = familyOf({ id });
  return family === 'none' ? otherwise : family;
}

/** Ids may be numbers, too. */
function idText(value: unknown): string | undefined {
  if (typeof value === 'string' && value !== '') return value;
  return typeof value === 'number' || typeof value === 'bigint' ? String(value) : undefined;
}

function recordError({ file, index, line }: RecordPlace, found: string, record: Readonly<Record<string, unknown>>): NlaError {
  return new NlaError('E_CORPUS_FORMAT', {
    message: `Record ${index} is no document.`,
    found: `${found}; its fields are ${Object.keys(record).slice(0, 12).join(', ') || 'none'}`,
    fix: 'Name the field that holds the text (and the id) in the source: `text: content`.',
    file,
    kind: 'input',
    ...(line === undefined ? {} : { line }),
  });
}
