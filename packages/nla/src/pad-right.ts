/** Token rows of different length brought to one length. */
export interface PaddedBatch {
  /** `[batch, length]`, row-major. */
  readonly tokens: Int32Array;
  /** 1 where a token is real, `[batch, length]`. */
  readonly mask: Uint8Array;
  readonly batch: number;
  readonly length: number;
}

/**
 * Pads token rows on the right to the length of the longest. With causal attention real tokens never see right padding, and the
 * position of a row's last real token is its own length less one.
 */
export function padRight(rows: readonly Int32Array[], padId: number): PaddedBatch {
  const length = rows.reduce((longest, row) => Math.max(longest, row.length), 0);
  const tokens = new Int32Array(rows.length * length).fill(padId);
  const mask = new Uint8Array(rows.length * length);
  rows.forEach((row, index) => {
    tokens.set(row, index * length);
    mask.fill(1, index * length, index * length + row.length);
  });
  return { tokens, mask, batch: rows.length, length };
}
