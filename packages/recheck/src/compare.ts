/** A number or word of a summary that does not come out of the rows again. */
export interface Difference {
  /** `conditions.AV_OUT.cosine.low` */
  readonly path: string;
  readonly stored: unknown;
  readonly computed: unknown;
}

/** What a comparison came to. */
export interface Comparison {
  /** Values that were computed. */
  readonly checked: number;
  readonly differences: readonly Difference[];
  /** Paths of numbers in the summary that nothing was computed for. */
  readonly notComputed: readonly string[];
}

/** Holds a stored summary against a computed one: numbers within `tolerance` (1e-9), everything else equal. */
export function compareSummaries(stored: unknown, computed: unknown, tolerance = 1e-9): Comparison {
  const differences: Difference[] = [];
  const notComputed: string[] = [];
  let checked = 0;
  const walk = (one: unknown, other: unknown, path: string): void => {
    if (other === undefined) {
      notComputed.push(...numbersIn(one, path));
      return;
    }
    if (isObject(one) && isObject(other)) {
      for (const key of new Set([...Object.keys(one), ...Object.keys(other)])) {
        walk(member(one, key), member(other, key), path === '' ? key : `${path}.${key}`);
      }
      return;
    }
    checked += 1;
    const same = typeof one === 'number' && typeof other === 'number' ? Math.abs(one - other) <= tolerance : one === nullIfNaN(other);
    if (!same) differences.push({ path, stored: one ?? null, computed: other });
  };
  walk(stored, computed, '');
  return { checked, differences, notComputed };
}

/** JSON has no NaN: it is stored as null. */
function nullIfNaN(value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? null : value;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function member(value: object, key: string): unknown {
  return (value as Readonly<Record<string, unknown>>)[key];
}

function numbersIn(value: unknown, path: string): string[] {
  if (typeof value === 'number') return [path];
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([key, item]) => numbersIn(item, path === '' ? key : `${path}.${key}`));
}
