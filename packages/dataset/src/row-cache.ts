import type { NlaRow } from '@nlakit/core';

/** Rows of segments that were read, the least recently used let go when they take more than `limit` bytes together. */
export class RowCache {
  readonly #limit: number;
  readonly #entries = new Map<number, { readonly rows: Promise<readonly NlaRow[]>; bytes: number }>();
  #bytes = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The rows kept under `key`, read if they are not there. */
  get(key: number, read: () => Promise<readonly NlaRow[]>): Promise<readonly NlaRow[]> {
    const known = this.#entries.get(key);
    if (known !== undefined) {
      // Maps keep the order of insertion: what is used moves to the end.
      this.#entries.delete(key);
      this.#entries.set(key, known);
      return known.rows;
    }
    const entry = { rows: read(), bytes: 0 };
    this.#entries.set(key, entry);
    entry.rows.then(
      (rows) => {
        if (this.#entries.get(key) !== entry) return;
        entry.bytes = sizeOf(rows);
        this.#bytes += entry.bytes;
        this.#trim(key);
      },
      // What cannot be read is asked for again next time.
      () => this.#entries.delete(key),
    );
    return entry.rows;
  }

  #trim(newest: number): void {
    for (const [key, { bytes }] of this.#entries) {
      if (this.#bytes <= this.#limit) return;
      if (key === newest) continue;
      this.#entries.delete(key);
      this.#bytes -= bytes;
    }
  }
}

/** Bytes of vectors and texts, roughly. */
function sizeOf(rows: readonly NlaRow[]): number {
  let bytes = 0;
  for (const { vector, text = '', explanation = '' } of rows) bytes += vector.byteLength + 2 * (text.length + explanation.length) + 200;
  return bytes;
}
