import type { Dataset, DatasetSplit, NlaRow, SplitName, Warning } from '@nlakit/core';
import { type PlacedExample, type ReadExamples, readExamples } from './read-examples.js';

/** Rows to train on and rows to watch the training with. */
export interface StageRows<Example> extends ReadExamples<Example> {
  readonly split: DatasetSplit;
  /** Rows that are not trained on, and the split they are in. */
  readonly health: {
    readonly split: DatasetSplit;
    readonly examples: readonly PlacedExample<Example>[];
    readonly source: 'heldOut' | 'training';
    /** Held-out rows that were chosen, but are too long or have no explanation. */
    readonly leftOut: number;
  };
  readonly warnings: readonly Warning[];
}

/** What {@link readStageRows} needs. */
export interface StageRowsOptions<Example> {
  readonly dataset: Dataset;
  readonly folder: string;
  readonly split: Exclude<SplitName, 'heldOut'>;
  readonly build: (row: NlaRow) => Example;
  readonly maxLength: number;
  /** Most rows to train on; null for all. */
  readonly maxRows: number | null;
  readonly healthRows: number;
  readonly signal: AbortSignal;
}

/**
 * Reads a training split, and `healthRows` rows spread evenly over the held-out split. Where that one has no explanations (as in published
 * data sets, whose third split is made for reinforcement learning), whole documents of the training split are set aside instead, a tenth of
 * its rows at most. Rows left out for whatever reason are reported as warnings.
 */
export async function readStageRows<Example extends { readonly tokens: Int32Array; readonly documentId: string }>(
  options: StageRowsOptions<Example>,
): Promise<StageRows<Example>> {
  const { dataset, folder, build, maxLength, maxRows, healthRows, signal } = options;
  const split = await dataset.open(folder, options.split);
  const read = await readExamples(split, build, {
    maxLength,
    signal,
    ...(maxRows === null ? {} : { indices: spreadRows(maxRows, split.length) }),
  });
  const warnings: Warning[] = [];
  if (read.overlong.length > 0) {
    const named = read.overlong.slice(0, 5).join(', ');
    warnings.push({
      code: 'W_ROWS_OVERLONG',
      message: `${read.overlong.length} of ${maxRows ?? split.length} rows of ${options.split} are longer than ${maxLength} tokens and left out: ${named}${read.overlong.length > 5 ? ', …' : ''}.`,
    });
  }
  if (read.unlabelled > 0) {
    warnings.push({
      code: 'W_ROWS_UNLABELLED',
      message: `${read.unlabelled} of ${maxRows ?? split.length} rows of ${options.split} have no explanation and are left out.`,
    });
  }
  if (healthRows === 0) return { ...read, split, health: { split, examples: [], source: 'training', leftOut: 0 }, warnings };

  const heldOut = await dataset.open(folder, 'heldOut');
  const chosen = spreadRows(healthRows, heldOut.length);
  const watched = await readExamples(heldOut, build, { maxLength, indices: chosen, signal });
  const leftOut = watched.overlong.length + watched.unlabelled;
  if (watched.examples.length > 1) {
    if (leftOut > 0) {
      warnings.push({
        code: 'W_HEALTH_ROWS_LEFT_OUT',
        message: `${leftOut} of ${chosen.length} held-out rows are not measured: ${watched.overlong.length} are longer than ${maxLength} tokens, ${watched.unlabelled} have no explanation.`,
      });
    }
    return { ...read, split, health: { split: heldOut, examples: watched.examples, source: 'heldOut', leftOut }, warnings };
  }

  const aside = wholeDocuments(read.examples, Math.min(healthRows, Math.floor(read.examples.length / 10)));
  const examples = read.examples.filter(({ example }) => aside.has(example.documentId));
  warnings.push({
    code: 'W_HEALTH_ROWS',
    message: `The held-out split has no usable explanations: ${examples.length} rows of ${options.split} (${aside.size} documents) are not trained on but measured instead.`,
  });
  return {
    ...read,
    examples: read.examples.filter(({ example }) => !aside.has(example.documentId)),
    split,
    health: { split, examples, source: 'training', leftOut },
    warnings,
  };
}

/** `count` indices spread evenly over `length` rows; all of them where there are fewer. */
function spreadRows(count: number, length: number): number[] {
  const taken = Math.min(count, length);
  return Array.from({ length: taken }, (_, place) => Math.floor((place * length) / taken));
}

/** Documents spread over the split, as many as fit into `rows` rows. */
function wholeDocuments<Example extends { readonly documentId: string }>(
  examples: readonly PlacedExample<Example>[],
  rows: number,
): Set<string> {
  const sizes = new Map<string, number>();
  for (const { example } of examples) sizes.set(example.documentId, (sizes.get(example.documentId) ?? 0) + 1);
  const documents = [...sizes.keys()];
  const chosen = new Set<string>();
  if (documents.length < 2 || rows < 2) return chosen;
  const stride = Math.max(1, Math.floor(examples.length / rows));
  let taken = 0;
  for (let at = 0; at < documents.length; at += stride) {
    const size = sizes.get(documents[at] ?? '') ?? 0;
    if (taken + size > rows) continue;
    chosen.add(documents[at] ?? '');
    taken += size;
  }
  return chosen;
}
