import { dot } from './cosine.js';

/** One vector `[dModel]` of length 1 for every row: directions that are compared. */
export type Space = readonly Float32Array[];

/**
 * For every row the rows most similar to it among those for which `allowed` holds: one, or several that are equally similar (1e-9), as
 * reconstructions of equal texts are. Itself never. Empty where no row is allowed.
 */
export function nearestRows(space: Space, allowed: (row: number, other: number) => boolean): number[][] {
  return space.map((vector, row) => {
    let best = -Infinity;
    let nearest: number[] = [];
    space.forEach((candidate, other) => {
      if (other === row || !allowed(row, other)) return;
      const similarity = dot(vector, candidate);
      if (similarity > best + 1e-9) nearest = [];
      if (similarity >= best - 1e-9) nearest.push(other);
      best = Math.max(best, similarity);
    });
    return nearest;
  });
}

/** Share of a row's nearest rows that have its label; NaN for a row without label or neighbours. */
export function sharedLabel(nearest: readonly number[], labels: Int32Array, row: number): number {
  const own = labels[row] ?? -1;
  if (own < 0 || nearest.length === 0) return NaN;
  return nearest.filter((other) => labels[other] === own).length / nearest.length;
}
