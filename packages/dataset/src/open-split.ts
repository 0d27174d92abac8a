import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { NlaError } from '@nlakit/core';
import type { DatasetSplit, NlaRow, SplitName } from '@nlakit/core';
import { datasetSidecarPath, readSidecar } from '@nlakit/sidecar';
import type { DatasetSidecar } from '@nlakit/sidecar';
import { KNOWN_COLUMNS, SPLIT_FILES, VECTOR_COLUMN } from './columns.js';
import { openTable, type Table, type TableSegment } from './open-table.js';
import { parseRow } from './parse-row.js';
import { checkStoredPrompt } from './prompt-check.js';
import { RowCache } from './row-cache.js';

/** A split read from a parquet file, or from a slice of one. */
export interface ParquetSplit extends DatasetSplit {
  readonly file: string;
  readonly sidecar: DatasetSidecar;
  /** The document of every row, in file order; reads that one column only. */
  documents(): Promise<string[]>;
  /** All vectors, `[length, dModel]` row-major. */
  vectors(): Promise<Float32Array>;
  /** All rows in file order, some at a time, none of them kept: for files larger than memory. */
  batches(): AsyncIterable<readonly NlaRow[]>;
}

/** How a split is opened. */
export interface OpenSplitOptions {
  /** In place of the sidecar beside the file, for files that have none or one that leaves something out. */
  readonly sidecar?: DatasetSidecar;
  /** Most bytes of rows kept for a second reading; default 512 MiB. */
  readonly cacheBytes?: number;
}

const defaultCacheBytes = 512 * 1024 * 1024;

/**
 * Opens a parquet file of NLA rows through its sidecar, ours or kitft's; `path` may name a slice (`av_sft.parquet@[0:1000]`). Rows are read
 * when they are asked for, a few MiB at once, and kept up to a limit. Errors: those of {@link openTable}, `E_DATASET_HASH` (not the
 * file the sidecar was written for), `E_DATASET_COLUMN`, and while rows are read `E_DATASET_VECTOR`, `E_DATASET_ROW`, `E_DATASET_PROMPT`.
 */
export async function openSplit(path: string, name: SplitName = splitOf(path), options: OpenSplitOptions = {}): Promise<ParquetSplit> {
  const sidecar = options.sidecar ?? (await readDatasetSidecar(path));
  const table = await openTable(path);
  const { file } = table;
  const fileSha256 = await hashFile(file);
  checkAgainstSidecar(table, sidecar, fileSha256);
  for (const column of [VECTOR_COLUMN, 'doc_id', 'n_raw_tokens']) if (!table.columns.has(column)) throw columnError(file, column);
  const columns = KNOWN_COLUMNS.filter((column) => column !== VECTOR_COLUMN && table.columns.has(column) && !table.nested.has(column));
  const cache = new RowCache(options.cacheBytes ?? defaultCacheBytes);
  const checkPrompts = promptChecker(table, sidecar, name);

  const readRows = async (segment: TableSegment): Promise<readonly NlaRow[]> => {
    await checkPrompts(segment.group);
    const { dModel } = sidecar;
    const { records, vectors } = await table.read(segment, columns, dModel);
    return records.map((record, offset) =>
      // A copy: a row that is kept must not keep the vectors read with it.
      parseRow(record, vectors.slice(offset * dModel, (offset + 1) * dModel), {
        file,
        index: segment.start + offset,
        sidecar,
        split: name,
      }),
    );
  };

  const rowAt = async (index: number): Promise<NlaRow> => {
    const place = table.start + index;
    const segment = index >= 0 && index < table.length ? segmentOf(table.segments, place) : undefined;
    const row = segment === undefined ? undefined : (await cache.get(segment.start, () => readRows(segment)))[place - segment.start];
    if (row !== undefined) return row;
    throw new NlaError('E_DATASET_ROW', { message: `There is no row ${index}.`, found: `${table.length} rows`, file, kind: 'input' });
  };

  return {
    name,
    length: table.length,
    // A slice is not its file: what was trained on one cannot go on with another.
    sha256: table.length === table.fileLength ? fileSha256 : hashText(`${fileSha256}@[${table.start}:${table.start + table.length}]`),
    file,
    sidecar,
    async rows(indices) {
      const rows = new Map<number, NlaRow>();
      // In file order, so that rows read together are used together.
      for (const index of [...new Set(indices)].sort((one, other) => one - other)) rows.set(index, await rowAt(index));
      return indices.flatMap((index) => rows.get(index) ?? []);
    },
    async documents() {
      const documents: string[] = [];
      for (const segment of table.segments) {
        for (const { doc_id: document } of (await table.read(segment, ['doc_id'])).records) documents.push(String(document));
      }
      return documents;
    },
    async vectors() {
      const all = new Float32Array(table.length * sidecar.dModel);
      for await (const [offset, vectors] of vectorParts(table, sidecar.dModel)) all.set(vectors, offset * sidecar.dModel);
      return all;
    },
    async *batches() {
      for (const segment of table.segments) yield await readRows(segment);
    },
  };
}

/** Reads the sidecar beside a data file; `E_DATASET_OPEN` if it describes a model. */
export async function readDatasetSidecar(path: string): Promise<DatasetSidecar> {
  const file = datasetSidecarPath(path);
  const sidecar = await readSidecar(file);
  if (sidecar.kind === 'nla_dataset') return sidecar;
  throw new NlaError('E_DATASET_OPEN', { message: 'The sidecar beside the data describes a model.', file, kind: 'input' });
}

async function* vectorParts(table: Table, dModel: number): AsyncGenerator<readonly [number, Float32Array]> {
  for (const segment of table.segments) yield [segment.start - table.start, (await table.read(segment, [], dModel)).vectors];
}

/** Checks the AV prompts of a row group once: they are the same in every row, and expensive to read as lists of messages. */
function promptChecker(table: Table, sidecar: DatasetSidecar, name: SplitName): (group: number) => Promise<void> {
  const template = sidecar.templates.av;
  if (template === null || name === 'arSft' || !table.columns.has('prompt')) return () => Promise.resolve();
  const checked = new Map<number, Promise<void>>();
  return (group) => {
    const known = checked.get(group);
    if (known !== undefined) return known;
    const segment = table.rowGroups.find((one) => one.group === group);
    const check = async (): Promise<void> => {
      if (segment === undefined) return;
      let previous: string | undefined;
      for (const { prompt } of (await table.read(segment, ['prompt'])).records) {
        const text = JSON.stringify(prompt);
        if (text !== previous) checkStoredPrompt(prompt, template, sidecar.tokens?.injectionChar ?? null, table.file);
        previous = text;
      }
    };
    const checking = check();
    checked.set(group, checking);
    return checking;
  };
}

function segmentOf(segments: readonly TableSegment[], place: number): TableSegment | undefined {
  let low = 0;
  let high = segments.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((segments[middle]?.end ?? Infinity) <= place) low = middle + 1;
    else high = middle;
  }
  return segments[low];
}

/** The split a file name stands for: ours, or kitft's `rl` for held-out rows. */
export function splitOf(path: string): SplitName {
  const name = basename(path);
  for (const split of ['avSft', 'arSft', 'heldOut'] as const) if (name === SPLIT_FILES[split]) return split;
  if (name.startsWith('av_sft')) return 'avSft';
  if (name.startsWith('ar_sft')) return 'arSft';
  return 'heldOut';
}

function checkAgainstSidecar({ file, fileLength }: Table, sidecar: DatasetSidecar, sha256: string): void {
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
  if (sidecar.rowCount !== fileLength) {
    throw new NlaError('E_DATASET_HASH', {
      message: 'The data file does not have as many rows as its sidecar says.',
      found: String(fileLength),
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

function hashText(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** sha256 (hex) of a file, read as a stream. */
export async function hashFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
