import { createHash } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { NlaError } from '@nlakit/core';
import type { NlaRow, SplitName, Summary } from '@nlakit/core';
import { summarize } from '@nlakit/metrics';
import { datasetSidecarPath, EXPLANATION_PLACEHOLDER, fillTemplate, INJECTION_PLACEHOLDER, writeDatasetSidecar } from '@nlakit/sidecar';
import type { DatasetSidecarInput } from '@nlakit/sidecar';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import { COLUMN_NAMES, PROMPT_SLOT, SPLIT_FILES, SPLIT_STAGES, splitSchema } from './columns.js';
import { tagExplanation, untagExplanation } from './explanation-text.js';
import { checkVector } from './row-check.js';

/** What the caller says about a split; row count, hash, stage and norms are filled in. */
export type SplitSidecar = Omit<DatasetSidecarInput, 'rowCount' | 'stage' | 'contentHash' | 'activationNorms'>;

/** A written split. */
export interface WrittenSplit {
  readonly file: string;
  readonly sidecarFile: string;
  readonly rows: number;
  /** sha256 (hex) of `file`. */
  readonly sha256: string;
  /** Norms of the vectors. */
  readonly activationNorms: Summary;
}

/** Path of a split inside a dataset folder. */
export function splitFile(folder: string, split: SplitName): string {
  return join(folder, SPLIT_FILES[split]);
}

/**
 * Writes one split as parquet with its sidecar, row group by row group, so that `rows` may be a stream. Both files appear whole or not
 * at all (temporary file, fsync, rename), the sidecar last. `E_DATASET_VECTOR` for a vector of the wrong width or with NaN or infinity,
 * `E_DATASET_ROW` for a row without explanation in a training split or an id used twice, `E_DATASET_EMPTY` without rows.
 */
export async function writeSplit(
  folder: string,
  split: SplitName,
  rows: Iterable<NlaRow> | AsyncIterable<NlaRow>,
  sidecar: SplitSidecar,
): Promise<WrittenSplit> {
  await mkdir(folder, { recursive: true });
  const file = splitFile(folder, split);
  const norms: number[] = [];
  const sha256 = await writeAtomically(file, (handle) => writeRows(handle, split, rows, sidecar, norms));
  const activationNorms = summarize(norms);
  const text = writeDatasetSidecar({
    ...sidecar,
    stage: SPLIT_STAGES[split],
    rowCount: norms.length,
    activationNorms: { ...activationNorms },
    contentHash: { [basename(file)]: sha256 },
  });
  const sidecarFile = datasetSidecarPath(file);
  await writeAtomically(sidecarFile, async (handle) => {
    await handle.writeFile(text, 'utf8');
  });
  return { file, sidecarFile, rows: norms.length, sha256, activationNorms };
}

async function writeRows(
  handle: FileHandle,
  split: SplitName,
  rows: Iterable<NlaRow> | AsyncIterable<NlaRow>,
  sidecar: SplitSidecar,
  norms: number[],
): Promise<string> {
  const hash = createHash('sha256');
  const buffer = new ByteWriter(1 << 20);
  const flush = async () => {
    // A copy: the writer goes on in the same buffer.
    const bytes = buffer.getBytes().slice();
    buffer.index = 0;
    hash.update(bytes);
    await handle.writeFile(bytes);
  };
  const writer = new ParquetWriter({
    writer: Object.assign(buffer, { flush, finish: flush }),
    schema: splitSchema(split),
    createdBy: 'nlakit',
  });
  const ids = new Set<string>();
  let batch: NlaRow[] = [];
  const writeBatch = async () => {
    const columns = columnsOf(batch, split, sidecar);
    batch = [];
    await writer.write({ columnData: columns, rowGroupSize: groupRows(sidecar.dModel) });
  };
  for await (const row of rows) {
    checkRow(row, split, sidecar, ids);
    norms.push(norm(row.vector));
    batch.push(row);
    if (batch.length >= groupRows(sidecar.dModel)) await writeBatch();
  }
  if (norms.length === 0) {
    throw new NlaError('E_DATASET_EMPTY', {
      message: `The split ${split} has no rows.`,
      fix: 'Check the corpus and its filters.',
      kind: 'input',
    });
  }
  if (batch.length > 0) await writeBatch();
  await writer.finish();
  return hash.digest('hex');
}

function checkRow(row: NlaRow, split: SplitName, sidecar: SplitSidecar, ids: Set<string>): void {
  checkVector(row.vector, { row: row.id, dModel: sidecar.dModel });
  if (ids.has(row.id)) throw rowError(row, 'The id stands for two rows.');
  ids.add(row.id);
  if (split !== 'heldOut' && row.explanation === undefined) throw rowError(row, 'A training row needs an explanation.');
  if (row.explanation !== undefined && untagExplanation(tagExplanation(row.explanation)) !== row.explanation) {
    throw rowError(row, 'The explanation holds a closing tag, or white space at an end: it would not be read back as it is.');
  }
  if (!Number.isSafeInteger(row.rawTokens) || row.rawTokens < 1) throw rowError(row, 'rawTokens must be a whole number of at least 1.');
}

function rowError(row: NlaRow, message: string): NlaError {
  return new NlaError('E_DATASET_ROW', { message: `Row ${JSON.stringify(row.id)}: ${message}`, kind: 'input' });
}

function columnsOf(rows: readonly NlaRow[], split: SplitName, sidecar: SplitSidecar) {
  const avPrompt = [{ role: 'user', content: fillTemplate(sidecar.templates.av ?? PROMPT_SLOT, INJECTION_PLACEHOLDER, PROMPT_SLOT) }];
  const arTemplate = sidecar.templates.ar ?? EXPLANATION_PLACEHOLDER;
  const values: Record<(typeof COLUMN_NAMES)[number], unknown[]> = {
    prompt: rows.map((row) => (split === 'arSft' ? fillTemplate(arTemplate, EXPLANATION_PLACEHOLDER, row.explanation ?? '') : avPrompt)),
    response: rows.map((row) => (split === 'arSft' || row.explanation === undefined ? null : tagExplanation(row.explanation))),
    activation_vector: rows.map((row) => Array.from(row.vector)),
    n_raw_tokens: rows.map((row) => BigInt(row.rawTokens)),
    activation_layer: rows.map(() => BigInt(sidecar.layer)),
    doc_id: rows.map((row) => row.documentId),
    detokenized_text_truncated: rows.map((row) => row.text ?? null),
    row_id: rows.map((row) => row.id),
    token: rows.map((row) => row.token ?? null),
    fields: rows.map((row) => (row.fields === undefined ? null : JSON.stringify(row.fields))),
  };
  return COLUMN_NAMES.map((name) => ({
    name,
    data: values[name],
    // Activations do not compress, and statistics over their components mean nothing.
    ...(name === 'activation_vector' ? { codec: 'UNCOMPRESSED' as const, encoding: 'PLAIN' as const, statistics: false } : {}),
  }));
}

/** Rows per row group: about a million vector components, so that memory does not grow with the file. */
function groupRows(dModel: number): number {
  return Math.min(4096, Math.max(64, Math.floor(2 ** 20 / dModel)));
}

function norm(vector: Float32Array): number {
  let sum = 0;
  for (const value of vector) sum += value * value;
  return Math.sqrt(sum);
}

async function writeAtomically<Result>(file: string, write: (handle: FileHandle) => Promise<Result>): Promise<Result> {
  const temporary = join(dirname(file), `.${basename(file)}.${process.pid}.tmp`);
  try {
    const handle = await open(temporary, 'w');
    let result: Result;
    try {
      result = await write(handle);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
    await syncFolder(dirname(file));
    return result;
  } catch (error) {
    await rm(temporary, { force: true });
    if (error instanceof Error && 'code' in error && typeof error.code === 'string' && !error.code.startsWith('E_')) {
      throw new NlaError('E_DATASET_WRITE', {
        message: 'The file cannot be written.',
        found: error.message,
        fix: 'Check free space and permissions of the folder.',
        file,
        kind: 'failure',
        cause: error,
      });
    }
    throw error;
  }
}

async function syncFolder(folder: string): Promise<void> {
  // Windows cannot open folders for syncing; renaming is durable enough there.
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
