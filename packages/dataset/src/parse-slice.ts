import { NlaError } from '@nlakit/core';

/** A data file, and which of its rows are meant: `start` to before `end`, all rows where `end` is undefined. */
export interface FileSlice {
  readonly file: string;
  readonly start: number;
  readonly end: number | undefined;
}

/**
 * Reads a path with kitft's slice suffix: `av_sft.parquet@[0:1000]`, `@[:1000]`, `@[1000:]`. As in Python an end behind the last row is
 * the last row. `E_DATASET_SLICE` for a suffix that is none.
 */
export function parseSlice(path: string): FileSlice {
  const suffix = /@\[([^\]]*)\]$/.exec(path);
  if (suffix === null) return { file: path, start: 0, end: undefined };
  const bounds = /^\s*(\d*)\s*:\s*(\d*)\s*$/.exec(suffix[1] ?? '');
  const start = Number(bounds?.[1] ?? NaN);
  const end = bounds?.[2] === '' ? undefined : Number(bounds?.[2] ?? NaN);
  if (bounds === null || (end !== undefined && end <= start)) {
    throw new NlaError('E_DATASET_SLICE', {
      message: 'This is not a slice of rows.',
      found: suffix[0],
      expected: '@[start:end] with whole numbers from 0, start below end; either may be left out',
      file: path.slice(0, suffix.index),
      kind: 'input',
    });
  }
  return { file: path.slice(0, suffix.index), start, end };
}
