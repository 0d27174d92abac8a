import { NlaError } from '@nlakit/core';
import { embeddingRows, tf } from '@nlakit/ops';
import type { Tensor2D } from '@tensorflow/tfjs-core';
import type { RowReader } from './weight-source.js';

/** An embedding table `[rows, width]`, wherever it lies. */
export interface EmbeddingTable {
  readonly shape: readonly [rows: number, width: number];
  /** Bytes it occupies on the backend. */
  readonly backendBytes: number;
  /** The rows of `ids`, `[ids, width]`. Throws `E_TOKEN_OUT_OF_RANGE` for an id outside the table. */
  lookup(ids: Int32Array): Tensor2D;
  /** Rows `[start, start + count)`, for the output layer; the caller disposes it. */
  slice(start: number, count: number): Tensor2D;
  /** The whole table, if it lies on the backend. */
  readonly tensor?: Tensor2D;
  dispose(): void;
}

/** A table on the backend; lookups are differentiable in it. Takes the tensor over. */
export function residentTable(tensor: Tensor2D): EmbeddingTable {
  return {
    shape: tensor.shape,
    backendBytes: tensor.size * 4,
    tensor,
    lookup: (ids) => embeddingRows(tensor, ids, [ids.length]) as Tensor2D,
    slice: (start, count) => tf.slice(tensor, [start, 0], [count, tensor.shape[1]]),
    dispose: () => tensor.dispose(),
  };
}

/** A table off the backend, read by row. Lookups are constants. Takes the reader over. */
export function hostTable(shape: readonly [rows: number, width: number], reader: RowReader): EmbeddingTable {
  const [rows, width] = shape;
  return {
    shape,
    backendBytes: 0,
    lookup(ids) {
      requireInTable(ids, rows);
      const values = new Float32Array(ids.length * width);
      const first = new Map<number, number>();
      ids.forEach((id, index) => {
        const known = first.get(id);
        if (known === undefined) {
          first.set(id, index);
          reader.read(id, 1, values, index * width);
        } else {
          values.copyWithin(index * width, known * width, (known + 1) * width);
        }
      });
      return tf.tensor2d(values, [ids.length, width]);
    },
    slice(start, count) {
      const values = new Float32Array(count * width);
      reader.read(start, count, values, 0);
      return tf.tensor2d(values, [count, width]);
    },
    dispose: () => reader.close(),
  };
}

function requireInTable(ids: Int32Array, rows: number): void {
  const outside = ids.findIndex((id) => id < 0 || id >= rows);
  if (outside < 0) return;
  throw new NlaError('E_TOKEN_OUT_OF_RANGE', {
    message: 'A token id is not in the embedding table.',
    found: `${ids[outside]} at index ${outside}`,
    expected: `0 <= id < ${rows}`,
    fix: 'Use the tokenizer that belongs to this model.',
  });
}
