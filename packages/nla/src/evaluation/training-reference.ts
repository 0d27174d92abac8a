import type { Dataset, DatasetSplit, NlaRow } from '@nlakit/core';
import { constantBaselines, type ConstantBaselines } from '@nlakit/metrics';

/** What the training rows say: baselines, and which documents were trained on. */
export interface TrainingReference {
  readonly baselines: ConstantBaselines;
  /** sha256 of the file the baselines come from. */
  readonly sourceHash: string;
  /** Documents that the AV or the AR was trained on. */
  readonly documents: ReadonlySet<string>;
}

/** What was read last, by dataset: every step of a trajectory is measured against the same training rows. */
const known = new WeakMap<Dataset, { readonly key: string; readonly reference: TrainingReference }>();

/**
 * Reads the vectors of the AV's training split, and the documents of both training splits; for the same files of the same dataset once
 * only.
 */
export async function readTrainingReference(dataset: Dataset, folder: string, signal: AbortSignal): Promise<TrainingReference> {
  const [avSft, arSft] = [await dataset.open(folder, 'avSft'), await dataset.open(folder, 'arSft')];
  const key = JSON.stringify([folder, avSft.sha256, arSft.sha256]);
  const before = known.get(dataset);
  if (before?.key === key) return before.reference;
  const documents = new Set<string>();
  const vectors: Float32Array[] = [];
  for await (const row of rowsOf(avSft, signal)) {
    documents.add(row.documentId);
    vectors.push(row.vector);
  }
  for await (const row of rowsOf(arSft, signal)) documents.add(row.documentId);
  const reference = { baselines: constantBaselines(vectors), sourceHash: avSft.sha256, documents };
  known.set(dataset, { key, reference });
  return reference;
}

/** All rows of a split in their order, read in pieces. */
async function* rowsOf(split: DatasetSplit, signal: AbortSignal): AsyncGenerator<NlaRow> {
  const size = 1024;
  for (let start = 0; start < split.length; start += size) {
    signal.throwIfAborted();
    yield* await split.rows(Array.from({ length: Math.min(size, split.length - start) }, (_, offset) => start + offset));
  }
}
