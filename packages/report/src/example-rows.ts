import type { JsonValue } from '@nlakit/core';
import { numberAt, textIn } from './read-json.js';
import type { ExampleRow } from './report-data.js';

/** How many examples a group has. */
const perGroup = 4;

/**
 * Examples by rule, so that nobody picks them: the rows with the highest cosine of AV_OUT, those around the median, and those with the
 * lowest. Where there are few rows each is shown once. None for rows without texts.
 */
export function exampleRows(rows: readonly Readonly<Record<string, JsonValue>>[]): ExampleRow[] {
  const sorted = rows
    .flatMap((row, index) => {
      const cosine = numberAt(row['cosines'], 'AV_OUT');
      const text = textIn(row['text']);
      const said = typeof row['explanation'] === 'string' || typeof row['output'] === 'string';
      return cosine === undefined || text === '' || !said ? [] : [{ index, cosine, text, token: textIn(row['token']) }];
    })
    .sort((a, b) => b.cosine - a.cosine || a.index - b.index);
  const count = Math.min(perGroup, Math.ceil(sorted.length / 3));
  const middle = Math.max(count, Math.floor((sorted.length - count) / 2));
  const groups = { best: sorted.slice(0, count), median: sorted.slice(middle, middle + count), worst: sorted.slice(-count) } as const;
  const shown = new Set<number>();
  return (['best', 'median', 'worst'] as const).flatMap((group) =>
    groups[group].flatMap(({ index, text, token }) => {
      if (shown.has(index)) return [];
      shown.add(index);
      return [{ group, index, text, token }];
    }),
  );
}
