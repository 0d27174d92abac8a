import { basename } from 'node:path';
import { NlaError, type NlaRow, type SeedStreams, type SplitName } from '@nlakit/core';
import { SPLIT_STAGES, type DataStage } from '../columns.js';
import type { ParquetSplit } from '../open-split.js';
import { writeRows, type WrittenSplit } from '../write-rows.js';
import { orderRows } from './order-rows.js';
import { withRandomFor } from './random-for.js';

/**
 * What changes places: whole rows (their order, and nothing else), the vectors, or the explanations with what belongs to them. The latter
 * two break the link between vector and words: what is trained on them must do no better than a constant.
 */
export type ShuffledPart = 'rows' | 'activations' | 'texts';

/** How a file is shuffled. */
export interface ShuffleOptions {
  readonly what: ShuffledPart;
  readonly seeds: SeedStreams;
  readonly signal?: AbortSignal;
  readonly onProgress?: (rows: number) => void;
}

/** A shuffled file. */
export interface ShuffledFile extends WrittenSplit {
  readonly datasetId: string;
  /** Rows that drew their own vector or explanation again. */
  readonly own: number;
  /** Rows whose vector and explanation are of one document, those that drew their own among them. */
  readonly sameDocument: number;
}

/** Key of our block in the sidecar. */
const shuffleKey = 'x_shuffle';

/** Bytes of rows that are gathered at a time; of a file larger than that, every gathering reads all of it. */
const gatheredBytes = 256 * 2 ** 20;
/** What a row's texts take, roughly. */
const textBytes = 4096;

const stages: readonly DataStage[] = ['base', 'av_sft', 'ar_sft', 'rl', 'held_out'];

/**
 * Writes the control of a data file, ours or a foreign one: the same rows with something dealt out anew, from the same random numbers as
 * the options `shuffle` and `shuffleActivations` of `@nlakit/dataset-corpus`. The sidecar names the source with its hash, the seed and what was
 * done; equal input and seed give equal bytes.
 *
 * Throws `E_SHUFFLE_TEXTS` for explanations of a file that has none, and the errors of reading and writing.
 */
export async function shuffleSplit(split: ParquetSplit, file: string, options: ShuffleOptions): Promise<ShuffledFile> {
  const { what, seeds, signal } = options;
  const { sidecar } = split;
  const documents = await split.documents();
  const order = orderOf(split.length, sidecar.datasetId, what, seeds);
  const pairs = order.vectors.map((vector, at) => [vector, order.texts[at] ?? at] as const);
  const own = pairs.filter(([vector, text]) => vector === text).length;
  const sameDocument = pairs.filter(([vector, text]) => documents[vector] === documents[text]).length;
  const written = await writeRows(file, stageOf(sidecar.stage, split.name), rows(), {
    ...sidecar,
    datasetId: order.datasetId,
    parentDatasets: [sidecar.datasetId],
    createdBy: 'nlakit data shuffle',
    createdAt: null,
    gitCommit: null,
    extensions: {
      ...Object.fromEntries(Object.entries(sidecar.extensions).filter(([key]) => key.startsWith('x_'))),
      [shuffleKey]: {
        what,
        seed: seeds.seed,
        source: { file: basename(split.file), dataset_id: sidecar.datasetId, sha256: split.sha256, rows: split.length },
        ...(what === 'rows' ? {} : { own, same_document: sameDocument }),
      },
    },
  });
  return { ...written, datasetId: order.datasetId, own, sameDocument };

  async function* rows(): AsyncGenerator<NlaRow> {
    const ids = new Map<string, number>();
    const atOnce = Math.max(1, Math.floor(gatheredBytes / (4 * sidecar.dModel + textBytes)));
    for (let start = 0; start < split.length; start += atOnce) {
      signal?.throwIfAborted();
      const gather = (places: readonly number[]) => split.rows(places.slice(start, start + atOnce));
      const kept = await gather(order.rows);
      const vectors = order.vectors === order.rows ? kept : await gather(order.vectors);
      const texts = order.texts === order.rows ? kept : await gather(order.texts);
      for (const [at, row] of kept.entries()) {
        const { explanation: _explanation, labeler: _labeler, fields: _fields, ...rest } = row;
        const words = texts[at] ?? row;
        if (what === 'texts' && words.explanation === undefined) throw noTexts(split);
        // Files of others may have the same row twice.
        const before = ids.get(row.id) ?? 0;
        ids.set(row.id, before + 1);
        yield {
          ...rest,
          id: before === 0 ? row.id : `${row.id}#${before + 1}`,
          vector: (vectors[at] ?? row).vector,
          ...(words.explanation === undefined ? {} : { explanation: words.explanation }),
          ...(words.labeler === undefined ? {} : { labeler: words.labeler }),
          ...(words.fields === undefined ? {} : { fields: words.fields }),
        };
      }
      options.onProgress?.(Math.min(split.length, start + atOnce));
    }
  }
}

/** Which row's id and source text, whose vector and whose explanation stand at each place. */
function orderOf(count: number, datasetId: string, what: ShuffledPart, seeds: SeedStreams) {
  if (what !== 'texts') {
    const order = orderRows(count, datasetId, { shuffle: what === 'rows', shuffleActivations: what === 'activations' }, seeds);
    return { ...order, texts: order.rows };
  }
  const rows = Array.from({ length: count }, (_, index) => index);
  const texts = withRandomFor(seeds, `${datasetId}|texts`, (random) => random.shuffle(rows));
  return { rows, vectors: rows, texts, datasetId: `${datasetId}__shuf_texts${seeds.seed}` };
}

function stageOf(stated: string, name: SplitName): DataStage {
  return stages.find((stage) => stage === stated) ?? SPLIT_STAGES[name];
}

function noTexts({ file }: ParquetSplit): NlaError {
  return new NlaError('E_SHUFFLE_TEXTS', {
    message: 'There are rows without an explanation, so explanations cannot change places.',
    expected: 'an explanation in every row',
    fix: 'Shuffle the activations instead.',
    file,
    kind: 'input',
  });
}
