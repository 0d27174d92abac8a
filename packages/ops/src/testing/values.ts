/** A row-major array of float64 numbers with its shape: what the references compute with. */
export interface Values {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/** Reproducible numbers in `[-amplitude, amplitude)`, exact in float32, so that tensor and reference start from the same values. */
export function someValues(seed: number, shape: readonly number[], amplitude = 1): Values {
  const data = new Float64Array(sizeOf(shape));
  let state = (seed * 2654435761 + 12345) >>> 0;
  for (let index = 0; index < data.length; index++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    data[index] = Math.fround((state / 2 ** 31 - 1) * amplitude);
  }
  return { shape, data };
}

/** Values of a shape, computed from the flat index. */
export function valuesOf(shape: readonly number[], at: (index: number) => number): Values {
  return { shape, data: Float64Array.from({ length: sizeOf(shape) }, (_, index) => at(index)) };
}

/** Number of elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** The largest difference, relative to the largest magnitude of `expected` where that is above 1. NaN counts as infinite. */
export function largestError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Infinity;
  let error = 0;
  let scale = 1;
  for (let index = 0; index < expected.length; index++) {
    const difference = Math.abs((actual[index] ?? NaN) - (expected[index] ?? NaN));
    if (Number.isNaN(difference)) return Infinity;
    error = Math.max(error, difference);
    scale = Math.max(scale, Math.abs(expected[index] ?? 0));
  }
  return error / scale;
}

/** The derivatives of a scalar function by some elements of an array, by central differences. The function sees the array changed in place. */
export function centralDifferences(data: Float64Array, indices: readonly number[], evaluate: () => number, step = 1e-5): number[] {
  return indices.map((index) => {
    const value = data[index] ?? NaN;
    data[index] = value + step;
    const above = evaluate();
    data[index] = value - step;
    const below = evaluate();
    data[index] = value;
    return (above - below) / (2 * step);
  });
}
