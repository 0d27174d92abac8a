import type { DatasetSplit } from '@nlakit/core';

/** Vectors of a split by row index. */
export interface VectorSource {
  /** The vectors of those rows, `[rows, dModel]` row-major. */
  read(indices: readonly number[]): Promise<Float32Array>;
}

const bytesKept = 256 * 1024 * 1024;

/** Reads vectors from a split, and keeps those that were read in memory as long as the whole split fits into 256 MiB. */
export function createVectorSource(split: DatasetSplit, dModel: number): VectorSource {
  const keep = split.length * dModel * 4 <= bytesKept;
  const known = new Map<number, Float32Array>();
  return {
    async read(indices) {
      const missing = indices.filter((index) => !known.has(index));
      const fetched = new Map<number, Float32Array>();
      if (missing.length > 0) {
        const rows = await split.rows(missing);
        rows.forEach((row, offset) => {
          const index = missing[offset] ?? 0;
          fetched.set(index, row.vector);
          if (keep) known.set(index, row.vector);
        });
      }
      const result = new Float32Array(indices.length * dModel);
      indices.forEach((index, offset) => {
        result.set(known.get(index) ?? fetched.get(index) ?? new Float32Array(dModel), offset * dModel);
      });
      return result;
    },
  };
}
