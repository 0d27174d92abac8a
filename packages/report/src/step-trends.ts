import type { Estimate, JsonValue } from '@nlakit/core';
import { pairedTrend } from '@nlakit/metrics';
import { createSeedStreams, type StoredEvaluation } from '@nlakit/run';

/** How a paired difference changes over the steps of a trajectory. */
export interface StepTrend {
  /** The difference is AV_OUT minus this condition. */
  readonly against: string;
  readonly firstStep: number;
  readonly lastStep: number;
  readonly steps: number;
  /** Rows that have both conditions at every step. */
  readonly rows: number;
  /** Change of the difference in 100 steps: mean of the rows' slopes, with its 95 % interval. */
  readonly per100: Estimate;
  /** Two-sided sign-flip p of "no row has a trend"; documents are flipped. */
  readonly p: number;
}

/**
 * Trend of AV_OUT minus each of `conditions` over the steps of one evaluator. Every row has its own slope, so what rows have in common between
 * steps does not make the interval wrong. None where fewer than two steps, or two rows, were measured, or where the steps were not measured
 * with one reconstructor: their cosines cannot be compared.
 */
export function stepTrends(evaluations: readonly StoredEvaluation[], conditions: readonly string[], seed: number): StepTrend[] {
  const reconstructors = new Set(evaluations.map(({ reconstructor }) => reconstructor.sha256));
  const steps = evaluations.map(({ step }) => step);
  const [firstStep, lastStep] = [Math.min(...steps), Math.max(...steps)];
  if (new Set(steps).size < 2 || reconstructors.size > 1) return [];
  return conditions.flatMap((against): StepTrend[] => {
    const byStep = evaluations.map(({ rows }) => new Map(rows.flatMap((row) => differenceOf(row, against))));
    const common = [...(byStep[0] ?? new Map<string, RowDifference>())].filter(([id]) => byStep.every((rows) => rows.has(id)));
    if (common.length < 2) return [];
    const stream = createSeedStreams(seed).stream(`report.trend.${against}`);
    const trend = pairedTrend(
      steps,
      common.map(([id]) => byStep.map((rows) => rows.get(id)?.value ?? NaN)),
      { random: () => stream.uniform(), clusters: common.map(([, { documentId }]) => documentId) },
    );
    const per100 = { value: 100 * trend.value, low: 100 * trend.low, high: 100 * trend.high };
    return [{ against, firstStep, lastStep, steps: steps.length, rows: common.length, per100, p: trend.p }];
  });
}

interface RowDifference {
  readonly documentId: string;
  readonly value: number;
}

function differenceOf(row: Readonly<Record<string, JsonValue>>, against: string): [string, RowDifference][] {
  const { id, documentId, cosines } = row;
  if (typeof id !== 'string' || typeof cosines !== 'object' || cosines === null || Array.isArray(cosines)) return [];
  const { AV_OUT: own, [against]: other } = cosines as Readonly<Record<string, JsonValue>>;
  if (typeof own !== 'number' || typeof other !== 'number') return [];
  return [[id, { documentId: typeof documentId === 'string' ? documentId : id, value: own - other }]];
}
