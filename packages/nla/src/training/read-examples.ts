import type { DatasetSplit, NlaRow } from '@nlakit/core';
import { vectorNorm } from './summarize.js';

/** A tokenized row with the place its vector is read from. */
export interface PlacedExample<Example> {
  readonly example: Example;
  /** Index in the split. */
  readonly index: number;
}

/** The usable rows of a split, and why others are not. */
export interface ReadExamples<Example> {
  readonly examples: readonly PlacedExample<Example>[];
  /** Ids of rows longer than the limit. They are left out whole: a cut target teaches to stop early, a cut AR prompt loses its end. */
  readonly overlong: readonly string[];
  /** Number of rows without explanation. */
  readonly unlabelled: number;
  /** Lengths of the usable rows' vectors, in order. */
  readonly norms: readonly number[];
  /** Length of the mean unit vector of the usable rows: the mean cosine that the best constant prediction has. */
  readonly rho: number;
}

const rowsAtOnce = 512;

/** Tokenizes the rows of a split with `build` and keeps those of at most `maxLength` tokens. Vectors are not kept. */
export async function readExamples<Example extends { readonly tokens: Int32Array }>(
  split: DatasetSplit,
  build: (row: NlaRow) => Example,
  options: { readonly maxLength: number; readonly indices?: readonly number[]; readonly signal?: AbortSignal },
): Promise<ReadExamples<Example>> {
  const indices = options.indices ?? Array.from({ length: split.length }, (_, index) => index);
  const examples: PlacedExample<Example>[] = [];
  const overlong: string[] = [];
  const norms: number[] = [];
  let unlabelled = 0;
  let direction = new Float64Array();
  for (let start = 0; start < indices.length; start += rowsAtOnce) {
    options.signal?.throwIfAborted();
    const wanted = indices.slice(start, start + rowsAtOnce);
    const rows = await split.rows(wanted);
    rows.forEach((row, offset) => {
      if (row.explanation === undefined) {
        unlabelled += 1;
        return;
      }
      const example = build(row);
      if (example.tokens.length > options.maxLength) {
        overlong.push(row.id);
        return;
      }
      examples.push({ example, index: wanted[offset] ?? 0 });
      const norm = vectorNorm(row.vector);
      norms.push(norm);
      if (direction.length === 0) direction = new Float64Array(row.vector.length);
      if (norm > 0) for (let at = 0; at < direction.length; at++) direction[at] = (direction[at] ?? 0) + (row.vector[at] ?? 0) / norm;
    });
  }
  const rho = norms.length === 0 ? 0 : Math.hypot(...direction) / norms.length;
  return { examples, overlong, unlabelled, norms, rho };
}
