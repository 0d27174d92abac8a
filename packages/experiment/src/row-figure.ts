import type { JsonValue } from '@nlakit/core';

/** A row of a stored evaluation. */
export type StoredRow = Readonly<Record<string, JsonValue>>;

/**
 * Reads a figure off a row: `cosines.AV_OUT` is the number at that path, `cosines.AV_OUT - cosines.SHUFFLED` the difference of two.
 * Undefined where the row has no such number: a row without partner, say.
 */
export function rowFigure(figure: string): (row: StoredRow) => number | undefined {
  const [first = '', second] = figure.split(' - ');
  return (row) => {
    const value = numberAt(row, first);
    if (second === undefined || value === undefined) return value;
    const other = numberAt(row, second);
    return other === undefined ? undefined : value - other;
  };
}

function numberAt(row: StoredRow, path: string): number | undefined {
  const found = path
    .split('.')
    .reduce<JsonValue | undefined>(
      (value, key) =>
        typeof value === 'object' && value !== null && !Array.isArray(value)
          ? (value as Readonly<Record<string, JsonValue>>)[key]
          : undefined,
      row,
    );
  return typeof found === 'number' ? found : undefined;
}
