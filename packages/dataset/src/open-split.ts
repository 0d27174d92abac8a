import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { NlaError } from '@nlakit/core';
import type { DatasetSplit, NlaRow, SplitName } from '@nlakit/core';
import { datasetSidecarPath, readSidecar } from '@nlakit/sidecar';
import type { DatasetSidecar } from '@nlakit/sidecar';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import type { AsyncBuffer, FileMetaData } from 'hyparquet';
import { COLUMN_NAMES, SPLIT_FILES } from './columns.js';
import { parseRow } from './parse-row.js';

/** A split read from a parquet file. */
export interface ParquetSplit extends DatasetSplit {
  readonly file: string;
  readonly sidecar: DatasetSidecar;
  /** The document of every row, in file order; reads that one column only. */
  documents(): Promise<string[]>;
  /** All vectors, `[length, dModel]` row-major. */
  vectors(): Promise<Float32Array>;
}

/**
 * Opens a parquet file of NLA rows through its sidecar, ours or kitft's. Row groups are read when one of their rows is asked for, and
 * kept as Float32Array. Errors: `E_DATASET_OPEN` (no parquet file), `E_DATASET_HASH` (not the file the sidecar was written for),
 * `E_DATASET_COLUMN`, and while rows are read `E_DATASET_VECTOR` and `E_DATASET_ROW` with the row named.
 */
export async function openSplit(file: string, name: SplitName = splitOf(file)): Promise<ParquetSplit> {
  const sidecar = await readSidecar(datasetSidecarPath(file));
  if (sidecar.kind !== 'nla_dataset') {
    throw new NlaError('E_DATASET_OPEN', {
      message: 'The sidecar beside the data describes a model.',
      file: datasetSidecarPath(file),
      kind: 'input',
    });
  }
  const { buffer, metadata } = await openParquet(file);
  const sha256 = await hashFile(file);
  const length = Number(metadata.num_rows);
  checkAgainstSidecar(file, sidecar, sha256, length);
  const available = new Set(metadata.schema.map((element) => element.name));
  for (const column of ['activation_vector', 'doc_id', 'n_raw_tokens']) {
    if (!available.has(column)) throw columnError(file, column);
  }
  const topLevel = topLevelColumns(metadata);
  const columns = [...COLUMN_NAMES, 'api_explanation'].filter((column) => topLevel.has(column));
  const groups = rowGroups(metadata);
  const cache = new Map<number, Promise<readonly NlaRow[]>>();

  const readGroup = (group: RowGroupRange): Promise<readonly NlaRow[]> => {
    const cached = cache.get(group.start);
    if (cached !== undefined) return cached;
    const reading = readRange(buffer, metadata, columns, group).then((records) =>
      records.map((record, index) => parseRow(record, { file, index: group.start + index, sidecar, split: name })),
    );
    cache.set(group.start, reading);
    return reading;
  };

  const rowsAt = async (indices: readonly number[]): Promise<NlaRow[]> => {
    const rows: NlaRow[] = [];
    for (const index of indices) {
      const group = groups.find(({ start, end }) => index >= start && index < end);
      const row = group === undefined ? undefined : (await readGroup(group))[index - group.start];
      if (row === undefined) {
        throw new NlaError('E_DATASET_ROW', { message: `There is no row ${index}.`, found: `${length} rows`, file, kind: 'input' });
      }
      rows.push(row);
    }
    return rows;
  };

  return {
    name,
    length,
    sha256,
    file,
    sidecar,
    rows: rowsAt,
    async documents() {
      const records = await parquetReadObjects({ file: buffer, metadata, columns: ['doc_id'], compressors });
      return records.map((record) => String(record.doc_id));
    },
    async vectors() {
      const all = new Float32Array(length * sidecar.dModel);
      for (const group of groups) {
        const rows = await readGroup(group);
        rows.forEach((row, index) => all.set(row.vector, (group.start + index) * sidecar.dModel));
      }
      return all;
    },
  };
}

/** The split a file name stands for: ours, or kitft's `rl` for held-out rows. */
function splitOf(file: string): SplitName {
  const name = basename(file);
  for (const split of ['avSft', 'arSft', 'heldOut'] as const) if (name === SPLIT_FILES[split]) return split;
  if (name.startsWith('av_sft')) return 'avSft';
  if (name.startsWith('ar_sft')) return 'arSft';
  return 'heldOut';
}

interface RowGroupRange {
  readonly start: number;
  readonly end: number;
}

function rowGroups(metadata: FileMetaData): RowGroupRange[] {
  let start = 0;
  return metadata.row_groups.map((group) => {
    const range = { start, end: start + Number(group.num_rows) };
    start = range.end;
    return range;
  });
}

function topLevelColumns(metadata: FileMetaData): Set<string> {
  return new Set(metadata.row_groups.flatMap((group) => group.columns.map((column) => column.meta_data?.path_in_schema[0] ?? '')));
}

async function readRange(buffer: AsyncBuffer, metadata: FileMetaData, columns: string[], group: RowGroupRange) {
  return parquetReadObjects({ file: buffer, metadata, columns, rowStart: group.start, rowEnd: group.end, compressors });
}

/** Snappy is built into the reader; these two come with Node. */
const compressors = {
  GZIP: (input: Uint8Array) => new Uint8Array(gunzipSync(input)),
  BROTLI: (input: Uint8Array) => new Uint8Array(brotliDecompressSync(input)),
};

async function openParquet(file: string): Promise<{ buffer: AsyncBuffer; metadata: FileMetaData }> {
  try {
    const buffer = await asyncBufferFromFile(file);
    return { buffer, metadata: await parquetMetadataAsync(buffer) };
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

function checkAgainstSidecar(file: string, sidecar: DatasetSidecar, sha256: string, length: number): void {
  const stated = sidecar.contentHash?.[basename(file)];
  if (stated !== undefined && stated !== sha256) {
    throw new NlaError('E_DATASET_HASH', {
      message: 'The data file is not the one its sidecar was written for.',
      found: `sha256 ${sha256}`,
      expected: stated,
      fix: 'Make the dataset again, or restore both files together.',
      file,
      kind: 'input',
    });
  }
  if (sidecar.rowCount !== length) {
    throw new NlaError('E_DATASET_HASH', {
      message: 'The data file does not have as many rows as its sidecar says.',
      found: String(length),
      expected: String(sidecar.rowCount),
      file,
      kind: 'input',
    });
  }
}

function columnError(file: string, column: string): NlaError {
  return new NlaError('E_DATASET_COLUMN', {
    message: `The file has no column ${column}.`,
    expected: 'the columns of an NLA data file: activation_vector, doc_id, n_raw_tokens, …',
    file,
    kind: 'input',
  });
}

/** sha256 (hex) of a file, read as a stream. */
export async function hashFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
