import type { JsonValue } from '@nlakit/core';
import { bootstrapMean, documentPermutation, permutationNull } from '@nlakit/metrics';
import { RETRIEVAL_STATISTICS, type RetrievalScores, type RetrievalStatistic } from './score-retrieval.js';

/** A statistic with its interval, and what it is when texts are exchanged between documents. */
export interface RetrievalFigure {
  readonly [key: string]: JsonValue;
  readonly value: number;
  readonly low: number;
  readonly high: number;
  /** Rows that it is a mean of. */
  readonly n: number;
  /** Its mean over permutations. */
  readonly chance: number;
  /** One-sided permutation p. */
  readonly p: number;
  /** Null where permutations change nothing. */
  readonly z: number | null;
}

/** How a retrieval is tested. */
export interface SummarizeRetrievalOptions {
  readonly documents: readonly string[];
  readonly bootstrap: number;
  readonly permutations: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/**
 * Means over rows with intervals (documents are resampled) and permutation tests (documents exchange their texts). A statistic that says
 * nothing of any row is left out: `gap` where every document has one row, the documents' ranks where there is one document.
 */
export function summarizeRetrieval(
  scores: RetrievalScores,
  { documents, bootstrap, permutations, random }: SummarizeRetrievalOptions,
): Partial<Record<RetrievalStatistic, RetrievalFigure>> {
  const shuffles = Array.from({ length: permutations }, () => documentPermutation(documents, random));
  const figures: Partial<Record<RetrievalStatistic, RetrievalFigure>> = {};
  for (const statistic of RETRIEVAL_STATISTICS) {
    const rows = documents.map((_, row) => row).filter((row) => Number.isFinite(scores.score(statistic, row, row)));
    if (rows.length === 0) continue;
    const own = rows.map((row) => scores.score(statistic, row, row));
    const draws = Float64Array.from(shuffles, (texts) => {
      let sum = 0;
      for (const row of rows) sum += scores.score(statistic, texts[row] ?? row, row);
      return sum / rows.length;
    });
    const estimate = bootstrapMean(own, { random, resamples: bootstrap, clusters: rows.map((row) => documents[row] ?? '') });
    const { p, z, mean: chance } = permutationNull(estimate.value, draws);
    figures[statistic] = { value: estimate.value, low: estimate.low, high: estimate.high, n: rows.length, chance, p, z };
  }
  return figures;
}
