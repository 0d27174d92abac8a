import type { Measurement } from './comparison.js';

/** A tensor of a golden file. */
export interface GoldenTensor {
  readonly shape: readonly number[];
  readonly dtype: string;
  /** Base64 of little-endian row-major values. */
  readonly data: string;
}

/** Values of a golden f32 tensor. */
export function goldenFloats({ data }: GoldenTensor): Float32Array {
  return new Float32Array(Uint8Array.from(Buffer.from(data, 'base64')).buffer);
}

/** Largest absolute difference; infinite if the lengths differ or anything is not a number. */
export function maxDifference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Infinity;
  let worst = 0;
  for (let index = 0; index < expected.length; index++) {
    const difference = Math.abs((actual[index] ?? NaN) - (expected[index] ?? NaN));
    if (Number.isNaN(difference)) return Infinity;
    worst = Math.max(worst, difference);
  }
  return worst;
}

/** {@link maxDifference} over the largest expected magnitude. */
export function relativeDifference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let largest = 0;
  for (let index = 0; index < expected.length; index++) largest = Math.max(largest, Math.abs(expected[index] ?? 0));
  return maxDifference(actual, expected) / largest;
}

/** The largest of several errors, with its name as the note. */
export function worstOf(errors: Iterable<readonly [name: string, error: number]>): Measurement {
  let worst = { maxError: -1, name: '' };
  let count = 0;
  for (const [name, error] of errors) {
    count += 1;
    if (!(error <= worst.maxError)) worst = { maxError: error, name };
  }
  if (count === 0) throw new Error('there is nothing to compare');
  return { maxError: worst.maxError, note: `largest of ${count}: ${worst.name}` };
}

/** Euclidean norm. */
export function l2Norm(values: ArrayLike<number>): number {
  let sum = 0;
  for (let index = 0; index < values.length; index++) sum += (values[index] ?? NaN) ** 2;
  return Math.sqrt(sum);
}
