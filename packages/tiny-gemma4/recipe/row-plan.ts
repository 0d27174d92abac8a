import type { RandomStream } from '@nlakit/core';

/** A stream of training rows and its share of all rows. */
export interface PlannedStream {
  readonly rows: number;
  readonly share: number;
}

/** One row to train on. */
export interface PlannedRow {
  /** Index of the stream. */
  readonly stream: number;
  /** Index of the row in its stream. */
  readonly row: number;
}

/**
 * The order of all rows of a run. Each stream gives its share of `total`; it is gone through in a new random order every time, so no
 * row comes a second time before all have come once. Depends on the random stream alone, which makes the step number all that a
 * resumed run has to know.
 */
export function planRows(streams: readonly PlannedStream[], total: number, random: RandomStream): PlannedRow[] {
  const shares = streams.reduce((sum, stream) => sum + stream.share, 0);
  const labels: number[] = [];
  streams.forEach((stream, index) => {
    const before = streams.slice(0, index).reduce((sum, other) => sum + other.share, 0);
    const count = Math.round((total * (before + stream.share)) / shares) - Math.round((total * before) / shares);
    for (let row = 0; row < count; row += 1) labels.push(index);
  });
  const pending = streams.map((): number[] => []);
  return random.shuffle(labels).map((stream) => {
    const queue = pending[stream] ?? [];
    if (queue.length === 0) {
      const rows = Array.from({ length: streams[stream]?.rows ?? 0 }, (_, row) => row);
      for (const row of random.shuffle(rows)) queue.push(row);
    }
    return { stream, row: queue.pop() ?? 0 };
  });
}
