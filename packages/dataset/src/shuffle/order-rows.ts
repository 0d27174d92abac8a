import type { SeedStreams } from '@nlakit/core';
import { withRandomFor } from './random-for.js';

/** Which row stands at each place of a file, and whose vector it has. Indices into the rows in corpus order. */
export interface RowOrder {
  readonly rows: readonly number[];
  readonly vectors: readonly number[];
  readonly datasetId: string;
}

/**
 * The order of a split's rows: that of the corpus; shuffled with a stream from `sha256(seed|dataset id)`; or with the vectors dealt out to
 * other rows, from `sha256(seed|dataset id|activ)`. The id of the result says what was done: `__shuf0`, `__shuf_activations0`.
 */
export function orderRows(
  count: number,
  datasetId: string,
  { shuffle, shuffleActivations }: { readonly shuffle: boolean; readonly shuffleActivations: boolean },
  seeds: SeedStreams,
): RowOrder {
  const identity = Array.from({ length: count }, (_, index) => index);
  const permuted = (key: string) => withRandomFor(seeds, key, (random) => random.shuffle(identity));
  const rows = shuffle ? permuted(datasetId) : identity;
  const shuffled = shuffle ? `${datasetId}__shuf${seeds.seed}` : datasetId;
  if (!shuffleActivations) return { rows, vectors: rows, datasetId: shuffled };
  const deal = permuted(`${shuffled}|activ`);
  return { rows, vectors: deal.map((index) => rows[index] ?? index), datasetId: `${shuffled}__shuf_activations${seeds.seed}` };
}
