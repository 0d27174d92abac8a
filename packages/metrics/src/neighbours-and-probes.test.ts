import { describe, expect, it } from 'vitest';
import { generator } from './__fixtures__/random.js';
import { documentFolds, nearestRows, probeFolds, probeTransfer, sharedLabel, siblingLabels } from './index.js';

describe('what vectors hold', () => {
  it('folds keep documents together and are of about equal size', () => {
    const documents = Array.from({ length: 72 }, (_, row) => `${row % 3} ${Math.floor(row / 6)}`);
    const random = generator(1);
    const folds = documentFolds(documents, 5, (items) => [...items].sort(() => random() - 0.5));
    for (const document of new Set(documents)) expect(new Set(folds.filter((_, row) => documents[row] === document)).size).toBe(1);
    const sizes = [0, 1, 2, 3, 4].map((fold) => folds.filter((one) => one === fold).length);
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(2);
  });

  it('nearest rows, with ties', () => {
    const space = [
      [1, 0],
      [0, 1],
      [0.6, 0.8],
      [1, 0],
    ].map((values) => Float32Array.from(values));
    expect(nearestRows(space, () => true)).toEqual([[3], [2], [1], [0]]);
    expect(nearestRows(space, (row, other) => (row === 2 ? other !== 1 : true))[2]).toEqual([0, 3]);
    expect(sharedLabel([0, 3], Int32Array.of(5, 0, 5, 1), 2)).toBe(0.5);
    expect(sharedLabel([0], Int32Array.of(5, 0, -1, 1), 2)).toBeNaN();
    expect([...siblingLabels(['a', 'b', 'a', 'c'])]).toEqual([0, -1, 0, -1]);
  });

  it('a probe never sees the fold it names', () => {
    // Each row's class is written into its own direction only: nothing can be learned from the others.
    const space = Array.from({ length: 12 }, (_, row) => Float32Array.from({ length: 12 }, (_, at) => (at === row ? 1 : 0)));
    const labels = Int32Array.from({ length: 12 }, (_, row) => row % 2);
    const [own] = probeTransfer(space, labels, [space], { classes: 2, l2: 1e-3 });
    expect([...(own ?? [])]).toEqual([...labels]);
    const found = probeFolds(
      space,
      labels,
      Int32Array.from({ length: 12 }, (_, row) => Math.floor(row / 4)),
      { classes: 2, l2: 1e-3 },
    );
    // Left out, a row of either class looks the same.
    for (let row = 0; row < 12; row += 2) expect(found[row]).toBe(found[row + 1]);
    expect(
      [
        ...probeFolds(
          space,
          Int32Array.from(labels, (label, row) => (row === 5 ? -1 : label)),
          Int32Array.from({ length: 12 }, (_, row) => row % 3),
          { classes: 2, l2: 1e-3 },
        ),
      ][5],
    ).toBe(-1);
  });
});
