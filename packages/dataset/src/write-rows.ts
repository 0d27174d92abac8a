import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { NlaError } from '@nlakit/core';
import type { NlaRow, SplitName, Summary } from '@nlakit/core';
import { summarize } from '@nlakit/metrics';
import { atomicWriteFile } from '@nlakit/safetensors';
import { datasetSidecarPath, EXPLANATION_PLACEHOLDER, fillTemplate, INJECTION_PLACEHOLDER, writeDatasetSidecar } from '@nlakit/sidecar';
import type { DatasetSidecarInput } from '@nlakit/sidecar';
import { columnsOf, PROMPT_SLOT, schemaOf, SPLIT_FILES, SPLIT_STAGES, VECTOR_COLUMN } from './columns.js';
import type { ColumnName, DataStage } from './columns.js';
import { tagExplanation, untagExplanation } from './explanation-text.js';
import { rowsAtOnce } from './open-table.js';
import { encodeTable, type RowGroupColumns } from './parquet/encode-table.js';
import { checkVector } from './row-check.js';

/** What the caller says about a file; row count, hash, stage and norms are filled in. */
export type SplitSidecar = Omit<DatasetSidecarInput, 'rowCount' | 'stage' | 'contentHash' | 'activationNorms'>;

/** A written file. */
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

/** Writes one split of a dataset folder; see {@link writeRows}. */
export function writeSplit(
  folder: string,
  split: SplitName,
  rows: Iterable<NlaRow> | AsyncIterable<NlaRow>,
  sidecar: SplitSidecar,
): Promise<WrittenSplit> {
  return writeRows(splitFile(folder, split), SPLIT_STAGES[split], rows, sidecar);
}

/**
 * Writes rows as parquet with their sidecar, row group by row group, so that `rows` may be a stream larger than memory. Both files appear
 * whole or not at all (temporary file, fsync, rename), the sidecar last. `E_DATASET_VECTOR` for a vector of the wrong width or with NaN or
 * infinity, `E_DATASET_ROW` for a row without explanation in a training file or an id used twice, `E_DATASET_EMPTY` without rows.
 */
export async function writeRows(
  file: string,
  stage: DataStage,
  rows: Iterable<NlaRow> | AsyncIterable<NlaRow>,
  sidecar: SplitSidecar,
): Promise<WrittenSplit> {
  await mkdir(dirname(file), { recursive: true });
  const norms: number[] = [];
  const hash = createHash('sha256');
  const bytes = encodeTable(schemaOf(stage), VECTOR_COLUMN, rowGroups(rows, stage, sidecar, norms));
  await atomicWriteFile(file, hashed(bytes, hash));
  const sha256 = hash.digest('hex');
  const activationNorms = summarize(norms);
  const sidecarFile = datasetSidecarPath(file);
  const text = writeDatasetSidecar({
    ...sidecar,
    stage,
    rowCount: norms.length,
    activationNorms: { ...activationNorms },
    contentHash: { [basename(file)]: sha256 },
  });
  await atomicWriteFile(sidecarFile, text);
  return { file, sidecarFile, rows: norms.length, sha256, activationNorms };
}

async function* hashed(bytes: AsyncIterable<Uint8Array>, hash: ReturnType<typeof createHash>): AsyncGenerator<Uint8Array> {
  for await (const piece of bytes) {
    hash.update(piece);
    yield piece;
  }
}

async function* rowGroups(
  rows: Iterable<NlaRow> | AsyncIterable<NlaRow>,
  stage: DataStage,
  sidecar: SplitSidecar,
  norms: number[],
): AsyncGenerator<RowGroupColumns> {
  const ids = new Set<string>();
  let batch: NlaRow[] = [];
  for await (const row of rows) {
    checkRow(row, stage, sidecar, ids);
    norms.push(norm(row.vector));
    batch.push(row);
    if (batch.length < rowsAtOnce(sidecar.dModel)) continue;
    yield rowGroup(batch, stage, sidecar);
    batch = [];
  }
  if (norms.length === 0) {
    throw new NlaError('E_DATASET_EMPTY', {
      message: `There are no rows for a file of stage ${stage}.`,
      fix: 'Check the corpus and its filters.',
      kind: 'input',
    });
  }
  if (batch.length > 0) yield rowGroup(batch, stage, sidecar);
}

function checkRow(row: NlaRow, stage: DataStage, sidecar: SplitSidecar, ids: Set<string>): void {
  checkVector(row.vector, { row: row.id, dModel: sidecar.dModel });
  if (ids.has(row.id)) throw rowError(row, 'The id stands for two rows.');
  ids.add(row.id);
  const training = stage === 'av_sft' || stage === 'ar_sft';
  if (training && row.explanation === undefined) throw rowError(row, 'A training row needs an explanation.');
  if (row.explanation !== undefined && untagExplanation(tagExplanation(row.explanation)) !== row.explanation) {
    throw rowError(row, 'The explanation holds a closing tag, or white space at an end: it would not be read back as it is.');
  }
  if (!Number.isSafeInteger(row.rawTokens) || row.rawTokens < 1) throw rowError(row, 'rawTokens must be a whole number of at least 1.');
}

function rowError(row: NlaRow, message: string): NlaError {
  return new NlaError('E_DATASET_ROW', { message: `Row ${JSON.stringify(row.id)}: ${message}`, kind: 'input' });
}

function rowGroup(rows: readonly NlaRow[], stage: DataStage, sidecar: SplitSidecar): RowGroupColumns {
  const avPrompt = [{ role: 'user', content: fillTemplate(sidecar.templates.av ?? PROMPT_SLOT, INJECTION_PLACEHOLDER, PROMPT_SLOT) }];
  const arTemplate = sidecar.templates.ar ?? EXPLANATION_PLACEHOLDER;
  const values: Record<Exclude<ColumnName, typeof VECTOR_COLUMN>, (row: NlaRow) => unknown> = {
    prompt: (row) => (stage === 'ar_sft' ? fillTemplate(arTemplate, EXPLANATION_PLACEHOLDER, row.explanation ?? '') : avPrompt),
    response: (row) => (stage === 'ar_sft' || row.explanation === undefined ? null : tagExplanation(row.explanation)),
    api_explanation: (row) => row.explanation ?? null,
    n_raw_tokens: (row) => BigInt(row.rawTokens),
    activation_layer: () => BigInt(sidecar.layer),
    doc_id: (row) => row.documentId,
    detokenized_text_truncated: (row) => row.text ?? null,
    labeler_model: (row) => row.labeler ?? null,
    row_id: (row) => row.id,
    token: (row) => row.token ?? null,
    fields: (row) => (row.fields === undefined ? null : JSON.stringify(row.fields)),
  };
  return {
    values: columnsOf(stage).flatMap((name) => (name === VECTOR_COLUMN ? [] : [{ name, data: rows.map(values[name]) }])),
    vectors: rows.map((row) => row.vector),
  };
}

function norm(vector: Float32Array): number {
  let sum = 0;
  for (const value of vector) sum += value * value;
  return Math.sqrt(sum);
}
