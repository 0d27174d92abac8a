/** All parameters in one array, so that threads can share them. */
export interface ParameterLayout {
  readonly names: readonly string[];
  readonly length: number;
  /** One view per parameter into `flat`, in the order of `names`. */
  views(flat: Float32Array): Map<string, Float32Array>;
}

/** Lays parameters of the given sizes out one after another. */
export function parameterLayout(shapes: ReadonlyMap<string, readonly number[]>): ParameterLayout {
  const spans: { name: string; start: number; end: number }[] = [];
  let length = 0;
  for (const [name, shape] of shapes) {
    const size = shape.reduce((product, extent) => product * extent, 1);
    spans.push({ name, start: length, end: length + size });
    length += size;
  }
  return {
    names: spans.map(({ name }) => name),
    length,
    views: (flat) => new Map(spans.map(({ name, start, end }) => [name, flat.subarray(start, end)])),
  };
}
