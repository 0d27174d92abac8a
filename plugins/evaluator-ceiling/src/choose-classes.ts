import type { NlaRow } from '@nlakit/core';

/** The classes of a field that a probe can learn. */
export interface FieldClasses {
  readonly field: string;
  /** Most frequent first; equally frequent ones by name. */
  readonly classes: readonly string[];
}

/** A field that nobody asked for is left out if fewer held-out rows than that have one of its classes. */
const fewestRows = 30;

/**
 * Classes with enough training rows, for every field that has at least two of them and at least two among the held-out rows. Values that
 * only a few rows have cannot be told from chance and are left out.
 */
export function chooseClasses(
  training: readonly NlaRow[],
  heldOut: readonly NlaRow[],
  options: { readonly fields?: readonly string[] | undefined; readonly minimumPerClass: number; readonly maximumClasses: number },
): FieldClasses[] {
  const names = options.fields ?? [...new Set(heldOut.flatMap(({ fields }) => Object.keys(fields ?? {})))].sort();
  return names.flatMap((field) => {
    const counts = new Map<string, number>();
    for (const { fields } of training) {
      const value = fields?.[field];
      if (value !== undefined) counts.set(value, (counts.get(value) ?? 0) + 1);
    }
    const classes = [...counts]
      .filter(([, count]) => count >= options.minimumPerClass)
      .sort(([a, first], [b, second]) => second - first || (a < b ? -1 : 1))
      .slice(0, options.maximumClasses)
      .map(([value]) => value);
    const seen = heldOut.flatMap(({ fields }) => (classes.includes(fields?.[field] ?? '') ? [fields?.[field]] : []));
    const enough = options.fields !== undefined || seen.length >= fewestRows;
    return classes.length < 2 || new Set(seen).size < 2 || !enough ? [] : [{ field, classes }];
  });
}
