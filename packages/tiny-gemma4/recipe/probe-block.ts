import type { Estimate } from '@nlakit/core';
import { topics } from '@nlakit/wordnet';
import { constantBaselines, fitLogisticRegression, norm, quantile, wilsonInterval } from '@nlakit/metrics';
import type { ProbeRow } from './probe-rows.js';

/** Weight of the penalty of the probe's logistic regression. */
export const probePenalty = 1e-3;

/** Vectors of one block, `[rows, width]`, with what they belong to. */
export interface BlockVectors {
  readonly vectors: Float32Array;
  readonly rows: readonly ProbeRow[];
}

/** What is known of the vectors of one block. All but the accuracy on training rows is about held-out rows. */
export interface BlockFigures {
  readonly block: number;
  /** Share of held-out rows whose topic a linear probe names; 95 % Wilson interval. */
  readonly accuracy: Estimate;
  readonly trainingAccuracy: number;
  /** The same share for each topic. */
  readonly accuracyByTopic: Readonly<Record<string, number>>;
  /** The same share by words of the definition that were read. */
  readonly accuracyByWordsRead: Readonly<Record<string, { readonly accuracy: number; readonly rows: number }>>;
  /** Norm of the mean unit vector: how much the vectors point the same way. */
  readonly rho: number;
  /** Mean cosine of two different rows. */
  readonly meanPairCosine: number;
  readonly norm: { readonly median: number; readonly q05: number; readonly q95: number };
}

/** Fits a probe on the training rows of a block and measures it, and the vectors, on held-out rows. */
export function probeBlock(block: number, width: number, training: BlockVectors, heldOut: BlockVectors): BlockFigures {
  const probe = fitLogisticRegression(
    { features: training.vectors, labels: Int32Array.from(training.rows, ({ label }) => label), width },
    { classes: topics.length, l2: probePenalty },
  );
  const rightOf = ({ vectors, rows }: BlockVectors): boolean[] => {
    const found = probe.predict(vectors);
    return rows.map(({ label }, row) => found[row] === label);
  };
  const right = rightOf(heldOut);
  const shareOf = (test: (row: ProbeRow) => boolean): { accuracy: number; rows: number } => {
    const chosen = right.filter((_, row) => test(heldOut.rows[row] as ProbeRow));
    return { accuracy: round(chosen.filter(Boolean).length / chosen.length), rows: chosen.length };
  };
  const interval = wilsonInterval(right.filter(Boolean).length, right.length);
  const vectors = heldOut.rows.map((_, row) => heldOut.vectors.subarray(row * width, (row + 1) * width));
  const { rho, n } = constantBaselines(vectors);
  const norms = vectors.map((vector) => norm(vector));
  return {
    block,
    accuracy: { value: round(interval.value), low: round(interval.low), high: round(interval.high) },
    trainingAccuracy: round(rightOf(training).filter(Boolean).length / training.rows.length),
    accuracyByTopic: Object.fromEntries(topics.map((topic, label) => [topic, shareOf((row) => row.label === label).accuracy])),
    accuracyByWordsRead: {
      'up to 6': shareOf(({ wordsRead }) => wordsRead <= 6),
      '7 to 10': shareOf(({ wordsRead }) => wordsRead > 6 && wordsRead <= 10),
      'more than 10': shareOf(({ wordsRead }) => wordsRead > 10),
    },
    rho: round(rho),
    // |sum of unit vectors|² counts every pair twice and every vector with itself once.
    meanPairCosine: round((n * rho * rho - 1) / (n - 1)),
    norm: { median: round(quantile(norms, 0.5)), q05: round(quantile(norms, 0.05)), q95: round(quantile(norms, 0.95)) },
  };
}

function round(value: number): number {
  return Number(value.toPrecision(5));
}
