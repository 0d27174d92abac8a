import type { RandomState, RandomStream } from '@nlakit/core';

/** Where a {@link DataOrder} stands; enough to go on with exactly the rows that would have come next. */
export interface DataOrderCursor {
  /** Counts from 0. */
  readonly epoch: number;
  /** Rows of the epoch that were given out. */
  readonly position: number;
  /** The stream's state before the epoch was shuffled. */
  readonly shuffledFrom: RandomState;
}

/** Rows in random order, every row once an epoch. */
export interface DataOrder {
  /** The next `count` rows; runs on into the next epoch where one ends. */
  next(count: number): number[];
  cursor(): DataOrderCursor;
}

/**
 * The order in which `rows` rows are trained on: a new shuffle from `stream` at each epoch. With `from`, goes on at that cursor and puts
 * `stream` into the state it had there.
 */
export function createDataOrder(rows: number, stream: RandomStream, from?: DataOrderCursor): DataOrder {
  const all = Array.from({ length: rows }, (_, index) => index);
  let epoch = from?.epoch ?? 0;
  let position = from?.position ?? 0;
  if (from !== undefined) stream.restore(from.shuffledFrom);
  let shuffledFrom = stream.state();
  let order = stream.shuffle(all);
  return {
    next(count) {
      const result: number[] = [];
      while (result.length < count && rows > 0) {
        if (position === rows) {
          epoch += 1;
          position = 0;
          shuffledFrom = stream.state();
          order = stream.shuffle(all);
        }
        const taken = order.slice(position, position + count - result.length);
        result.push(...taken);
        position += taken.length;
      }
      return result;
    },
    cursor: () => ({ epoch, position, shuffledFrom }),
  };
}
