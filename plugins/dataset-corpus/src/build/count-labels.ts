import type { Label } from '@nlakit/core';

/** What became of the rows of a split that were labelled. */
export interface LabelCounts {
  readonly labelled: number;
  readonly dropped: number;
  /** Dropped rows by reason. */
  readonly reasons: Readonly<Record<string, number>>;
  /** Labelled rows by who wrote the label. */
  readonly labelers: Readonly<Record<string, number>>;
}

/** Counts labels by labeler and dropped rows by reason, each largest first. */
export function countLabels(labels: Iterable<Label>): LabelCounts {
  const reasons = new Map<string, number>();
  const labelers = new Map<string, number>();
  let [labelled, dropped] = [0, 0];
  for (const label of labels) {
    if (label.explanation === null) {
      dropped += 1;
      reasons.set(label.reason, (reasons.get(label.reason) ?? 0) + 1);
    } else {
      labelled += 1;
      labelers.set(label.labeler, (labelers.get(label.labeler) ?? 0) + 1);
    }
  }
  return { labelled, dropped, reasons: sorted(reasons), labelers: sorted(labelers) };
}

function sorted(counts: ReadonlyMap<string, number>): Record<string, number> {
  return Object.fromEntries([...counts].sort(([one, first], [other, second]) => second - first || (one < other ? -1 : 1)));
}
