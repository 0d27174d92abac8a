import { NlaError } from '@nlakit/core';
import { parquetSchema } from 'hyparquet';
import type { AsyncBuffer, ColumnMetaData, DataReader, FileMetaData, PageHeader, SchemaTree } from 'hyparquet';
import { parquetHeader } from 'hyparquet/src/column.js';
import { decompressPage } from 'hyparquet/src/datapage.js';
import { byteStreamSplit, readRleBitPackedHybrid } from 'hyparquet/src/encoding.js';
import { readPlain } from 'hyparquet/src/plain.js';
import { getMaxDefinitionLevel, getMaxRepetitionLevel, getTreePath } from 'hyparquet/src/schema.js';
import { codecs } from './codecs.js';
import { chunkStart, pagesOf, type PageIndex } from './page-index.js';

/** Which rows are read, and what their vectors must look like. */
export interface VectorColumnPlace {
  readonly file: string;
  readonly column: string;
  /** Index of the row group. */
  readonly group: number;
  /** Index in the file of the group's first row; for errors. */
  readonly groupStart: number;
  /** First row, counted from the group's first. */
  readonly start: number;
  /** Row behind the last. */
  readonly end: number;
  readonly dModel: number;
}

/**
 * The vectors of some rows of a row group, `[end - start, dModel]` row-major, straight from the pages into one Float32Array: a list of
 * numbers is never made. With `index` only the pages that hold those rows are read. Reads `list<float32>`, `fixed_size_list<float32>` (the same on disk) and lists of float64; plain, dictionary and byte-stream-split pages
 * of both versions. `E_DATASET_VECTOR` names a row with another width, a null or nothing in it; `E_DATASET_COLUMN` a column of another type.
 */
export async function readVectorColumn(
  buffer: AsyncBuffer,
  metadata: FileMetaData,
  place: VectorColumnPlace,
  index?: PageIndex,
): Promise<Float32Array> {
  const { meta, path } = vectorChunk(metadata, place);
  const { start, end, dModel } = place;
  const begin = chunkStart(meta);
  const whole = { start: begin, end: begin + Number(meta.total_compressed_size), firstValue: 0 };
  const range = (index && pagesOf(index, start * dModel, end * dModel)) ?? whole;
  const target = new VectorRows(place, range.firstValue);
  let dictionary: Float32Array | undefined;
  const readPages = async (from: number, to: number): Promise<void> => {
    const bytes = await buffer.slice(from, to);
    const reader: DataReader = { view: new DataView(bytes), offset: 0 };
    while (!target.complete && reader.offset < bytes.byteLength) {
      const header = parquetHeader(reader);
      const page = new Uint8Array(bytes, reader.offset, header.compressed_page_size);
      reader.offset += header.compressed_page_size;
      if (header.type === 'DICTIONARY_PAGE') {
        const plain = decompressPage(page, header.uncompressed_page_size, meta.codec, codecs);
        dictionary = floats(readPlain(readerOf(plain), meta.type, header.dictionary_page_header?.num_values ?? 0, undefined));
      } else if (header.type === 'DATA_PAGE' || header.type === 'DATA_PAGE_V2') {
        addPage(target, header, page, meta, path, dictionary);
      }
    }
  };
  if (range !== whole && index?.dictionary) await readPages(index.dictionary.start, index.dictionary.end);
  await readPages(range.start, range.end);
  return target.finish();
}

/** The column chunk that holds the vectors of a row group; `E_DATASET_COLUMN` if it does not hold lists of numbers. */
export function vectorChunkOf(metadata: FileMetaData, place: Pick<VectorColumnPlace, 'file' | 'column' | 'group'>): ColumnMetaData {
  return vectorChunk(metadata, place).meta;
}

/** The number of components a column's vectors seem to have, from the footer alone; undefined if rows differ or there is no such column. */
export function widthOfVectors(metadata: FileMetaData, column: string): number | undefined {
  let width: number | undefined;
  for (const group of metadata.row_groups) {
    const values = group.columns.find(({ meta_data: meta }) => meta?.path_in_schema[0] === column)?.meta_data?.num_values;
    if (values === undefined || group.num_rows === 0n || values % group.num_rows !== 0n) return undefined;
    const here = Number(values / group.num_rows);
    if (width !== undefined && width !== here) return undefined;
    width = here;
  }
  return width;
}

interface VectorChunk {
  readonly meta: ColumnMetaData;
  readonly path: SchemaTree[];
}

function vectorChunk(metadata: FileMetaData, { file, column, group }: Pick<VectorColumnPlace, 'file' | 'column' | 'group'>): VectorChunk {
  const chunks = (metadata.row_groups[group]?.columns ?? []).flatMap(({ meta_data: meta }) =>
    meta !== undefined && meta.path_in_schema[0] === column ? [meta] : [],
  );
  const [meta] = chunks;
  const path = meta === undefined ? [] : getTreePath(parquetSchema(metadata), meta.path_in_schema);
  const isList = chunks.length === 1 && getMaxRepetitionLevel(path) === 1;
  if (meta !== undefined && isList && (meta.type === 'FLOAT' || meta.type === 'DOUBLE')) return { meta, path };
  throw new NlaError('E_DATASET_COLUMN', {
    message: `The column ${column} does not hold vectors.`,
    found: meta === undefined ? 'no such column' : `${isList ? 'lists of ' : ''}${chunks.map(({ type }) => type).join(', ')}`,
    expected: 'list<float32>, fixed_size_list<float32> or list<float64>',
    fix: 'Cast the column when the file is written: pa.list_(pa.float32()).',
    file,
    kind: 'input',
  });
}

function addPage(
  target: VectorRows,
  header: PageHeader,
  page: Uint8Array,
  meta: ColumnMetaData,
  path: SchemaTree[],
  dictionary: Float32Array | undefined,
): void {
  const maxDefinition = getMaxDefinitionLevel(path);
  const second = header.data_page_header_v2;
  const shape = second ?? header.data_page_header;
  if (shape === undefined || shape.num_values > Number(meta.num_values)) throw new Error('a page header is damaged');
  const repetition = new Uint8Array(shape.num_values);
  const definition = new Uint8Array(shape.num_values).fill(maxDefinition);
  let values: DataReader;
  if (second === undefined) {
    values = readerOf(decompressPage(page, header.uncompressed_page_size, meta.codec, codecs));
    readRleBitPackedHybrid(values, 1, repetition);
    if (maxDefinition > 0) readRleBitPackedHybrid(values, bitWidth(maxDefinition), definition);
  } else {
    const levels = readerOf(page);
    const { repetition_levels_byte_length: repetitionBytes, definition_levels_byte_length: definitionBytes } = second;
    readRleBitPackedHybrid(levels, 1, repetition, repetitionBytes);
    levels.offset = repetitionBytes;
    if (maxDefinition > 0) readRleBitPackedHybrid(levels, bitWidth(maxDefinition), definition, definitionBytes);
    const packed = page.subarray(repetitionBytes + definitionBytes);
    const size = header.uncompressed_page_size - repetitionBytes - definitionBytes;
    values = readerOf(second.is_compressed === false ? packed : decompressPage(packed, size, meta.codec, codecs));
  }
  let stored = 0;
  for (const level of definition) if (level === maxDefinition) stored += 1;
  target.add(repetition, definition, maxDefinition, readValues(values, shape.encoding, stored, meta, dictionary));
}

function readValues(
  reader: DataReader,
  encoding: string,
  count: number,
  meta: ColumnMetaData,
  dictionary: Float32Array | undefined,
): Float32Array {
  if (encoding === 'PLAIN') return floats(readPlain(reader, meta.type, count, undefined));
  if (encoding === 'BYTE_STREAM_SPLIT') return floats(byteStreamSplit(reader, count, meta.type, undefined));
  if ((encoding === 'RLE_DICTIONARY' || encoding === 'PLAIN_DICTIONARY') && dictionary !== undefined) {
    const indices = new Int32Array(count);
    const width = count === 0 ? 0 : reader.view.getUint8(reader.offset++);
    if (width > 0) readRleBitPackedHybrid(reader, width, indices, reader.view.byteLength - reader.offset);
    const values = new Float32Array(count);
    for (let index = 0; index < count; index += 1) {
      const place = indices[index] ?? -1;
      if (place < 0 || place >= dictionary.length) throw new Error('a dictionary index is out of range');
      values[index] = dictionary[place] ?? NaN;
    }
    return values;
  }
  throw new Error(`the encoding ${encoding} is not supported for vectors`);
}

/**
 * Puts values into their rows by their repetition and definition levels (Dremel), across pages: a row may go on in the next one. Begins
 * with the given value of the row group, for which every row before it must have had its whole width.
 */
class VectorRows {
  readonly #place: VectorColumnPlace;
  readonly #matrix: Float32Array;
  #row: number;
  #width: number;

  constructor(place: VectorColumnPlace, firstValue: number) {
    this.#place = place;
    this.#matrix = new Float32Array((place.end - place.start) * place.dModel);
    this.#row = Math.ceil(firstValue / place.dModel) - 1;
    this.#width = firstValue - this.#row * place.dModel;
  }

  /** Whether all wanted rows are there; what follows need not be looked at. */
  get complete(): boolean {
    return this.#row >= this.#place.end || (this.#row === this.#place.end - 1 && this.#width === this.#place.dModel);
  }

  add(repetition: Uint8Array, definition: Uint8Array, maxDefinition: number, values: Float32Array): void {
    const { dModel, start, end } = this.#place;
    let next = 0;
    for (let index = 0; index < repetition.length; index += 1) {
      if (repetition[index] === 0) {
        this.#endRow();
        this.#row += 1;
        this.#width = 0;
        if (this.#row >= end) return;
      }
      if (definition[index] !== maxDefinition) throw this.#wrong('null, or an empty list');
      if (this.#width < dModel && this.#row >= start) this.#matrix[(this.#row - start) * dModel + this.#width] = values[next] ?? NaN;
      this.#width += 1;
      next += 1;
    }
  }

  finish(): Float32Array {
    if (this.#row < this.#place.end) this.#endRow();
    if (this.#row < this.#place.end - 1) throw new Error('there are fewer vectors than rows');
    return this.#matrix;
  }

  #endRow(): void {
    if (this.#row >= 0 && this.#width !== this.#place.dModel) throw this.#wrong(`${this.#width} components`);
  }

  #wrong(found: string): NlaError {
    const { column, dModel, file, groupStart } = this.#place;
    return new NlaError('E_DATASET_VECTOR', {
      message: `The ${column} of row ${groupStart + Math.max(0, this.#row)} cannot be used.`,
      found,
      expected: `${dModel} components`,
      file,
      kind: 'input',
    });
  }
}

function readerOf(bytes: Uint8Array): DataReader {
  return { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 };
}

function floats(values: unknown): Float32Array {
  if (values instanceof Float32Array) return values;
  return values instanceof Float64Array ? Float32Array.from(values) : new Float32Array();
}

function bitWidth(largest: number): number {
  return 32 - Math.clz32(largest);
}
