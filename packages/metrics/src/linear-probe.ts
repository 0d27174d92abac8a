import { fitLogisticRegression } from './logistic-regression.js';
import type { Space } from './nearest-rows.js';

/** Class numbers of rows; -1 for a row that belongs to none. */
export type Labels = Int32Array;

/** Settings of a probe. */
export interface ProbeOptions {
  readonly classes: number;
  readonly l2: number;
  /** Largest number of iterations of a fit; that of `fitLogisticRegression` when absent. */
  readonly iterations?: number;
}

/** Fits a linear probe on the labelled ones of `training` and names a class for every row of each of `tests`. */
export function probeTransfer(training: Space, labels: Labels, tests: readonly Space[], options: ProbeOptions): Int32Array[] {
  const labelled = rowsWith(labels, (label) => label >= 0);
  const width = training[0]?.length ?? 0;
  const fit = fitLogisticRegression({ features: stack(training, labelled), labels: pick(labels, labelled), width }, options);
  return tests.map((space) =>
    fit.predict(
      stack(
        space,
        space.map((_, row) => row),
      ),
    ),
  );
}

/** Cross-validated predictions: every labelled row is named by a probe that was fitted on the other folds. -1 for unlabelled rows. */
export function probeFolds(space: Space, labels: Labels, folds: Int32Array, options: ProbeOptions): Int32Array {
  const predicted = new Int32Array(space.length).fill(-1);
  const width = space[0]?.length ?? 0;
  for (const fold of new Set(folds)) {
    const inside = rowsWith(labels, (label, row) => label >= 0 && folds[row] === fold);
    const outside = rowsWith(labels, (label, row) => label >= 0 && folds[row] !== fold);
    if (inside.length === 0 || outside.length === 0) continue;
    const fit = fitLogisticRegression({ features: stack(space, outside), labels: pick(labels, outside), width }, options);
    fit.predict(stack(space, inside)).forEach((found, place) => (predicted[inside[place] ?? 0] = found));
  }
  return predicted;
}

function rowsWith(labels: Labels, test: (label: number, row: number) => boolean): number[] {
  const rows: number[] = [];
  labels.forEach((label, row) => {
    if (test(label, row)) rows.push(row);
  });
  return rows;
}

function pick(labels: Labels, rows: readonly number[]): Int32Array {
  return Int32Array.from(rows, (row) => labels[row] ?? -1);
}

/** `[rows, width]`, row-major. */
function stack(space: Space, rows: readonly number[]): Float32Array {
  const width = space[0]?.length ?? 0;
  const result = new Float32Array(rows.length * width);
  rows.forEach((row, place) => result.set(space[row] ?? [], place * width));
  return result;
}
