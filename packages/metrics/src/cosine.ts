import { NlaError } from '@nlakit/core';

/** Inner product, summed in float64. The lengths must be equal, or `E_METRICS_LENGTH`. */
export function dot(first: ArrayLike<number>, second: ArrayLike<number>): number {
  if (first.length !== second.length) {
    throw new NlaError('E_METRICS_LENGTH', { message: 'The vectors differ in length.', found: `${first.length} and ${second.length}` });
  }
  let sum = 0;
  for (let index = 0; index < first.length; index += 1) sum += (first[index] ?? NaN) * (second[index] ?? NaN);
  return sum;
}

/** Euclidean norm. */
export function norm(vector: ArrayLike<number>): number {
  return Math.sqrt(dot(vector, vector));
}

/** Cosine of the angle between two vectors. 0 where one of them is zero: it then has no direction to agree with. */
export function cosine(first: ArrayLike<number>, second: ArrayLike<number>): number {
  const size = norm(first) * norm(second);
  if (size === 0) return dot(first, second);
  return Math.min(1, Math.max(-1, dot(first, second) / size));
}

/**
 * Normalised squared error `2 (1 - cos)`, in [0, 4]: the elementwise mean squared difference of two vectors that have both been brought
 * to norm √d.
 */
export function mseNrm(cosineValue: number): number {
  return 2 * (1 - cosineValue);
}
