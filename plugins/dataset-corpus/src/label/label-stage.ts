import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NlaError, type DatasetContext, type DatasetEvent, type Label, type LabelContext, type Labeler } from '@nlakit/core';
import { atomicWriteFile } from '@nlakit/safetensors';
import { createChunkReader, type ChunkReader } from '../extract/chunk-reader.js';
import { itemOfRow, type RowPlace } from '../extract/corpus-row.js';
import type { Extraction } from '../extract/extraction.js';
import type { CorpusDatasetOptions } from '../options.js';
import type { CorpusSplit } from '../split/split-stage.js';
import { changedError, stageFolder } from '../stage-folder.js';
import { checkLabels } from './check-labels.js';

/** What labelling works with. */
export interface LabelSetup {
  readonly extraction: Extraction;
  readonly split: CorpusSplit;
  readonly labeler: Labeler;
  readonly options: Pick<CorpusDatasetOptions, 'label' | 'labelChunkRows'>;
  readonly context: Pick<DatasetContext, 'model' | 'folder' | 'signal' | 'shard'>;
  readonly labelContext: LabelContext;
}

/** The labels of an extraction: which rows have been asked about, in order, and what was said. */
export interface CorpusLabels {
  readonly fingerprint: string;
  readonly chunks: number;
  /** The rows of the splits that are labelled, in corpus order; label chunk c holds those from `c * labelChunkRows` on. */
  readonly rows: readonly RowPlace[];
  /** Whether every chunk is there. */
  readonly complete: boolean;
  /** The labels of one chunk, in the order of its rows. Throws `E_CORPUS_CHANGED` for those of other rows or another labeler. */
  read(chunk: number): Promise<readonly Label[]>;
}

/** What labels depend on. */
function labelFingerprint({ extraction, split, labeler, options }: Omit<LabelSetup, 'context' | 'labelContext'>): string {
  const parts = [extraction.fingerprint, split.fingerprint, labeler.name, labeler.describe(), options.label, options.labelChunkRows];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

/**
 * Asks the labeler about every row of the splits to be labelled, chunk by chunk; a chunk that is there is not asked again. With a shard,
 * only its chunks. Throws `E_LABELS` where the labeler did not answer each item once, and its own errors.
 */
export async function* labelStage(setup: LabelSetup): AsyncGenerator<DatasetEvent, CorpusLabels> {
  const { options, labeler, context, labelContext } = setup;
  const { folder: dataFolder, model, signal, shard } = context;
  const folder = stageFolder(dataFolder, 'label');
  const fingerprint = labelFingerprint(setup);
  const chunks = createChunkReader(stageFolder(dataFolder, 'extract'));
  try {
    const rows = await rowsToLabel(setup, chunks);
    const count = Math.ceil(rows.length / options.labelChunkRows);
    await mkdir(folder, { recursive: true });
    for (let index = 0; index < count; index += 1) {
      signal.throwIfAborted();
      const mine = shard === undefined || index % shard.count === shard.index;
      const places = rows.slice(index * options.labelChunkRows, (index + 1) * options.labelChunkRows);
      if (mine && !existsSync(labelFile(folder, index))) {
        const items = [];
        for (const { chunk, row } of places) items.push(itemOfRow(await chunks.chunk(chunk), row, model.tokenizer));
        const labels = checkLabels(items, await labeler.label(items, labelContext), labeler.name);
        const lines = [{ fingerprint, index }, ...labels].map((line) => `${JSON.stringify(line)}\n`);
        await atomicWriteFile(labelFile(folder, index), lines.join(''));
      }
      const done = Math.min(rows.length, (index + 1) * options.labelChunkRows);
      yield { type: 'progress', task: 'label', done, total: rows.length, unit: 'rows' };
    }
    const all = Array.from({ length: count }, (_, index) => index);
    return {
      fingerprint,
      chunks: count,
      rows,
      complete: all.every((index) => existsSync(labelFile(folder, index))),
      read: (index) => readLabels(folder, index, fingerprint),
    };
  } finally {
    await chunks.close();
  }
}

async function rowsToLabel({ extraction, split, options }: LabelSetup, chunks: ChunkReader): Promise<RowPlace[]> {
  const wanted = new Set(options.label);
  const rows: RowPlace[] = [];
  for (let index = 0; index < extraction.chunks; index += 1) {
    const chunk = await chunks.chunk(index);
    chunk.rows.forEach(({ document }, row) => {
      const of = split.of.get(chunk.documents[document]?.id ?? '');
      if (of !== undefined && wanted.has(of)) rows.push({ chunk: index, row });
    });
  }
  return rows;
}

async function readLabels(folder: string, index: number, fingerprint: string): Promise<readonly Label[]> {
  const file = labelFile(folder, index);
  const [head = '', ...lines] = (await readFile(file, 'utf8')).trimEnd().split('\n');
  try {
    if ((JSON.parse(head) as { readonly fingerprint?: string }).fingerprint === fingerprint)
      return lines.map((line) => JSON.parse(line) as Label);
  } catch (cause) {
    throw new NlaError('E_CORPUS_STAGE', {
      message: 'Labels that were written earlier cannot be read.',
      found: cause instanceof Error ? cause.message : String(cause),
      fix: 'Remove the file, and run the same command again.',
      file,
      kind: 'input',
      cause,
    });
  }
  throw changedError('labelled', folder, `labels of other rows or another labeler in chunk ${index}`);
}

function labelFile(folder: string, index: number): string {
  return join(folder, `chunk_${String(index).padStart(8, '0')}.jsonl`);
}
