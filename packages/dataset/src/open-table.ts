import { isNlaError, NlaError } from '@nlakit/core';
import { parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import type { AsyncBuffer, FileMetaData } from 'hyparquet';
import { VECTOR_COLUMN } from './columns.js';
import { parseSlice } from './parse-slice.js';
import { codecs } from './parquet/codecs.js';
import { fileBuffer } from './parquet/file-buffer.js';
import { chunkStart, indexPages, type PageIndex } from './parquet/page-index.js';
import { readVectorColumn, vectorChunkOf, widthOfVectors } from './parquet/read-vector-column.js';

/** Some rows of a table that follow each other and are read together. */
export interface TableSegment {
  /** Index of the first row, counted in the file (not in the slice). */
  readonly start: number;
  /** Index behind the last row. */
  readonly end: number;
  /** Row group they are in, and the file index of its first row. */
  readonly group: number;
  readonly groupStart: number;
}

/** Rows that were read: plain values by column, and the vectors `[rows, dModel]` row-major if they were asked for. */
export interface TableRows {
  readonly start: number;
  readonly records: readonly Readonly<Record<string, unknown>>[];
  readonly vectors: Float32Array;
}

/** A parquet file of activations, whoever wrote it, without its sidecar. */
export interface Table {
  readonly file: string;
  /** Rows of the slice; of the whole file where the path names none. */
  readonly length: number;
  /** Index in the file of the first row. */
  readonly start: number;
  /** Rows of the whole file. */
  readonly fileLength: number;
  /** Names of the columns at the top level. */
  readonly columns: ReadonlySet<string>;
  /** Those of them that hold lists or structs: `prompt` where it is a list of messages. */
  readonly nested: ReadonlySet<string>;
  /** Components of the vectors as the footer suggests; undefined if rows differ. */
  readonly dModel: number | undefined;
  /** The rows of the slice in parts of about 4 MiB of vectors, in order: a row group, or a piece of a large one. */
  readonly segments: readonly TableSegment[];
  /** Rows that share a row group with others, in file order: where a value is the same for a whole group. */
  readonly rowGroups: readonly TableSegment[];
  /** Reads rows; `columns` without the vectors, which come when `dModel` is given. */
  read(segment: TableSegment, columns: readonly string[], dModel?: number): Promise<TableRows>;
}

/**
 * Opens a parquet file, perhaps a slice of it (`file.parquet@[0:1000]`), written here or by pyarrow: any codec, dictionaries, one row group
 * or many. Nothing but the footer is read. `E_DATASET_OPEN` for a file that is no parquet, `E_DATASET_SLICE`; reading throws
 * `E_DATASET_READ` for a damaged file, `E_DATASET_COLUMN` and `E_DATASET_VECTOR` for vectors that are none.
 */
export async function openTable(path: string): Promise<Table> {
  const slice = parseSlice(path);
  const { file } = slice;
  const { buffer, metadata } = await openParquet(file);
  const fileLength = Number(metadata.num_rows);
  const end = Math.min(slice.end ?? fileLength, fileLength);
  if (slice.start >= end && fileLength > 0) {
    throw new NlaError('E_DATASET_SLICE', {
      message: 'The slice holds no row.',
      found: path.slice(file.length),
      expected: `a start below ${fileLength}, the number of rows`,
      file,
      kind: 'input',
    });
  }
  const dModel = widthOfVectors(metadata, VECTOR_COLUMN);
  const rowGroups = groupsOf(metadata, slice.start, end);
  const indexOf = pageIndexes(buffer, metadata);
  const leaves = (metadata.row_groups[0]?.columns ?? []).map(({ meta_data: meta }) => meta?.path_in_schema ?? []);

  return {
    file,
    start: slice.start,
    length: end - slice.start,
    fileLength,
    columns: new Set(leaves.map(([name = '']) => name)),
    nested: new Set(leaves.filter(({ length }) => length > 1).map(([name = '']) => name)),
    dModel,
    rowGroups,
    segments: rowGroups.flatMap((group) => divide(group, rowsAtOnce(dModel ?? 1))),
    async read(segment, columns, width) {
      try {
        const groupRows = Number(metadata.row_groups[segment.group]?.num_rows ?? 0n);
        const partial = segment.end - segment.start < groupRows;
        const [records, vectors] = await Promise.all([
          readRecords(buffer, metadata, segment, columns, partial ? indexOf : undefined),
          width === undefined
            ? new Float32Array()
            : readVectors({ buffer, metadata, file, segment, width }, partial && width === dModel ? indexOf : undefined),
        ]);
        return { start: segment.start, records, vectors };
      } catch (cause) {
        if (isNlaError(cause)) throw cause;
        throw new NlaError('E_DATASET_READ', {
          message: `Rows ${segment.start} to ${segment.end - 1} cannot be read.`,
          found: cause instanceof Error ? cause.message : String(cause),
          fix: 'The file is damaged, or written in a way that is not supported; compare its hash, or write it again with pyarrow.',
          file,
          kind: 'input',
          cause,
        });
      }
    },
  };
}

/** Rows of width `dModel` that are held at once: about a million components, so that memory does not grow with the file. */
export function rowsAtOnce(dModel: number): number {
  return Math.min(4096, Math.max(64, Math.floor(2 ** 20 / dModel)));
}

interface VectorRequest {
  readonly buffer: AsyncBuffer;
  readonly metadata: FileMetaData;
  readonly file: string;
  readonly segment: TableSegment;
  readonly width: number;
}

async function readVectors(request: VectorRequest, indexOf: PageIndexes | undefined): Promise<Float32Array> {
  const { buffer, metadata, file, segment, width } = request;
  const { group, groupStart } = segment;
  const place = { file, column: VECTOR_COLUMN, group, groupStart, dModel: width };
  const path = vectorChunkOf(metadata, place).path_in_schema.join('.');
  const index = await indexOf?.(group, path);
  return readVectorColumn(buffer, metadata, { ...place, start: segment.start - groupStart, end: segment.end - groupStart }, index);
}

async function readRecords(
  buffer: AsyncBuffer,
  metadata: FileMetaData,
  { start, end, group }: TableSegment,
  columns: readonly string[],
  indexOf: PageIndexes | undefined,
): Promise<Record<string, unknown>[]> {
  if (columns.length === 0) return Array.from({ length: end - start }, () => ({}));
  const options = { file: buffer, metadata, columns: [...columns], rowStart: start, rowEnd: end, compressors: codecs };
  if (indexOf === undefined) return parquetReadObjects(options);
  const locations: Record<string, { offset: bigint; compressed_page_size: number; first_row_index: bigint }[]> = {};
  for (const { meta_data: meta } of metadata.row_groups[group]?.columns ?? []) {
    // Pages of lists need not begin with a row; such columns are read whole.
    if (meta?.path_in_schema.length !== 1 || !columns.includes(meta.path_in_schema[0] ?? '')) continue;
    const { pages } = await indexOf(group, meta.path_in_schema.join('.'));
    locations[meta.path_in_schema.join('.')] = pages.map((page) => ({
      offset: BigInt(page.start),
      compressed_page_size: page.end - page.start,
      first_row_index: BigInt(page.firstValue),
    }));
  }
  // The reader takes page locations that it would have found itself, had the file an index.
  const pageLocationsByGroup = metadata.row_groups.map((_, place) => (place === group ? locations : {}));
  return parquetReadObjects({ ...options, pageLocationsByGroup } as typeof options);
}

type PageIndexes = (group: number, path: string) => Promise<PageIndex>;

/** Page indexes of column chunks, each made once. */
function pageIndexes(buffer: AsyncBuffer, metadata: FileMetaData): PageIndexes {
  const made = new Map<string, Promise<PageIndex>>();
  return (group, path) => {
    const key = `${group} ${path}`;
    const known = made.get(key);
    if (known !== undefined) return known;
    const meta = metadata.row_groups[group]?.columns.find(({ meta_data: one }) => one?.path_in_schema.join('.') === path)?.meta_data;
    const index = meta === undefined ? Promise.resolve({ dictionary: null, pages: [] }) : indexPages(buffer, meta);
    made.set(key, index);
    return index;
  };
}

function groupsOf(metadata: FileMetaData, start: number, end: number): TableSegment[] {
  const groups: TableSegment[] = [];
  let groupStart = 0;
  for (const [group, { num_rows: rows }] of metadata.row_groups.entries()) {
    const groupEnd = groupStart + Number(rows);
    const segment = { start: Math.max(start, groupStart), end: Math.min(end, groupEnd), group, groupStart };
    if (segment.start < segment.end) groups.push(segment);
    groupStart = groupEnd;
  }
  return groups;
}

/** Large groups in pieces; one that is not much larger than a piece stays whole. */
function divide(segment: TableSegment, size: number): TableSegment[] {
  if (segment.end - segment.start <= 2 * size) return [segment];
  const pieces: TableSegment[] = [];
  for (let start = segment.start; start < segment.end; start += size) {
    pieces.push({ ...segment, start, end: Math.min(segment.end, start + size) });
  }
  return pieces;
}

async function openParquet(file: string): Promise<{ buffer: AsyncBuffer; metadata: FileMetaData }> {
  try {
    const buffer = await fileBuffer(file);
    const metadata = await parquetMetadataAsync(buffer);
    checkRanges(metadata, buffer.byteLength);
    return { buffer, metadata };
  } catch (cause) {
    throw new NlaError('E_DATASET_OPEN', {
      message: 'This cannot be opened as a parquet file.',
      found: cause instanceof Error ? cause.message : String(cause),
      file,
      kind: 'input',
      cause,
    });
  }
}

/** Every column chunk must lie in the file: a footer that says otherwise is damaged, and the reader would find out too late. */
function checkRanges(metadata: FileMetaData, fileBytes: number): void {
  for (const { columns } of metadata.row_groups) {
    for (const { meta_data: meta } of columns) {
      if (meta === undefined) throw new Error('a column chunk has no description');
      const start = chunkStart(meta);
      const end = start + Number(meta.total_compressed_size);
      if (start < 4 || end < start || end > fileBytes) throw new Error(`a column chunk lies at bytes ${start} to ${end} of ${fileBytes}`);
    }
  }
}
