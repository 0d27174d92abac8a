/**
 * Puts texts of similar length together, shortest first, so that little of a batch is padding: the indices of each batch, whose padded
 * size is at most `batchTokens` unless one text alone is longer. Equal lengths keep their order.
 */
export function batchesByLength(lengths: readonly number[], batchTokens: number): number[][] {
  const sorted = lengths.map((length, index) => ({ length, index })).sort((one, other) => one.length - other.length);
  const batches: number[][] = [];
  let batch: number[] = [];
  for (const { length, index } of sorted) {
    if (batch.length > 0 && (batch.length + 1) * length > batchTokens) {
      batches.push(batch);
      batch = [];
    }
    batch.push(index);
  }
  if (batch.length > 0) batches.push(batch);
  return batches;
}
