import { NlaError } from '@nlakit/core';
import { effectOf, holm, mean, pairedTrend, type PairedEffect } from '@nlakit/metrics';
import { createSeedStreams } from '@nlakit/run';
import type { ExperimentConfig, PrimaryEffect } from './experiment-config.js';
import type { Cell, Measurement, RowValues } from './measurement.js';

/** An effect with its interval. Seeds of an arm are averaged row by row first. */
export interface Effect {
  /**
   * `mean.<arm>`, `difference.<arm>.<reference>`, `trend.factor`, `trend.step.<arm>`, and `step.<step>.<arm>` for the mean at a step that
   * is not the last: also the name of its random stream.
   */
  readonly name: string;
  /** What it says, in words. */
  readonly meaning: string;
  readonly value: number;
  /** Ends of the 95 % percentile interval. */
  readonly low: number;
  readonly high: number;
  readonly bca: { readonly low: number; readonly high: number };
  /** Rows that all runs of the effect have. */
  readonly n: number;
  readonly documents: number;
  readonly sd: number;
  /** Two-sided sign-flip p; documents are flipped. */
  readonly p: number;
  readonly exact: boolean;
  /** p after Holm's correction for its family (all differences; all step trends); null for effects in none. */
  readonly pHolm: number | null;
  /** Null where all rows have the same value and it is not zero. */
  readonly dZ: number | null;
  /** The line's value at 0; for trends. */
  readonly intercept?: number;
  /** The same from the runs of one seed alone. */
  readonly bySeed: readonly { readonly seed: number; readonly value: number }[];
}

/** Draws of the intervals and tests. */
export interface Statistics {
  readonly seed: number;
  readonly bootstrap: number;
  readonly permutations: number;
}

/** The draws that an experiment asks for. */
export function statisticsOf({ analysis }: ExperimentConfig): Statistics {
  return { seed: analysis?.seed ?? 0, bootstrap: analysis?.bootstrap ?? 2000, permutations: analysis?.permutations ?? 10_000 };
}

/** Name of the effect that decides. */
export function primaryName({ compare, trend, arm }: PrimaryEffect): string {
  if (compare !== undefined) return `difference.${compare.join('.')}`;
  if (trend === 'factor') return 'trend.factor';
  return trend === 'step' ? `trend.step.${arm ?? ''}` : `mean.${arm ?? ''}`;
}

/** Where an arm stands on the factor's axis. */
export function placeOf(x: number, scale: 'linear' | 'log2' | undefined): number {
  return scale === 'log2' ? Math.log2(x) : x;
}

/**
 * The mean of the figure in every arm and at every step, the difference of every arm to the reference (and of the primary pair), the trend over the factor
 * and over the steps of every arm. Each effect is computed on the rows that all of its runs have, and has a random stream of its own.
 * Throws `E_EXPERIMENT_ROWS` where fewer than two rows are in common.
 */
export function measureEffects({ cells, documents }: Measurement, config: ExperimentConfig): Effect[] {
  const statistics = statisticsOf(config);
  const reference = config.reference ?? config.arms[0]?.id ?? '';
  const factorScale = config.factor?.scale;
  const unit = config.factor === undefined ? '' : `${factorScale === 'log2' ? 'doubling' : 'unit'} of ${config.factor.name}`;
  const stepsOf = (arm: string) => [...new Set(cells.filter((cell) => cell.arm === arm).map(({ step }) => step))].sort((a, b) => a - b);
  const at = (arm: string, step = stepsOf(arm).at(-1)) => cells.filter((cell) => cell.arm === arm && cell.step === step);

  /** An effect from groups of runs, one group a point: `estimate` sees the rows' values at every point, averaged over the group's seeds. */
  const effect = (
    name: string,
    meaning: string,
    points: readonly (readonly Cell[])[],
    estimate: (rows: readonly number[][], options: Parameters<typeof effectOf>[1]) => PairedEffect & { readonly intercept?: number },
  ): Effect => {
    const maps = points.flat().map(({ values }) => values);
    const ids = [...(maps[0]?.keys() ?? [])].filter((id) => maps.every((values) => values.has(id)));
    if (ids.length < 2) throw tooFewRows(name, maps);
    const clusters = ids.map((id) => documents.get(id) ?? id);
    const valuesFrom = (groups: readonly (readonly Cell[])[]) =>
      ids.map((id) => groups.map((group) => mean(group.map(({ values }) => values.get(id) ?? NaN))));
    const drawing = (resamples: number, permutations: number) => {
      const stream = createSeedStreams(statistics.seed).stream(`experiment.${name}`);
      return { random: () => stream.uniform(), resamples, permutations, clusters };
    };
    const found = estimate(valuesFrom(points), drawing(statistics.bootstrap, statistics.permutations));
    const seeds = (config.seeds ?? []).filter((seed) =>
      points.every((group) => group.some((cell) => cell.seed === seed || cell.seed === null)),
    );
    const { value, low, high, bca, n, sd, p, exact, dZ, intercept } = found;
    return {
      name,
      meaning,
      value,
      low,
      high,
      bca: { low: bca.low, high: bca.high },
      n,
      documents: new Set(clusters).size,
      sd,
      p,
      exact,
      pHolm: null,
      dZ: Number.isFinite(dZ) ? dZ : null,
      ...(intercept === undefined ? {} : { intercept }),
      bySeed: seeds.map((seed) => {
        const own = points.map((group) => group.filter((cell) => cell.seed === seed || cell.seed === null));
        return { seed, value: estimate(valuesFrom(own), drawing(1, 1)).value };
      }),
    };
  };
  const difference = (first: string, second: string) =>
    effect(`difference.${first}.${second}`, `${first} less ${second}, on the same rows`, [at(first), at(second)], (rows, options) =>
      effectOf(
        rows.map(([one = NaN, other = NaN]) => one - other),
        options,
      ),
    );

  const means = config.arms.map(({ id }) =>
    effect(`mean.${id}`, `mean in ${id}`, [at(id)], (rows, options) => effectOf(rows.flat(), options)),
  );
  const earlier = config.arms.flatMap(({ id }) =>
    stepsOf(id)
      .slice(0, -1)
      .map((step) =>
        effect(`step.${step}.${id}`, `mean in ${id} at step ${step}`, [at(id, step)], (rows, options) => effectOf(rows.flat(), options)),
      ),
  );
  const differences = adjusted(config.arms.filter(({ id }) => id !== reference).map(({ id }) => difference(id, reference)));
  const placed = config.arms.filter(({ x }) => x !== undefined);
  const places = placed.map(({ x }) => placeOf(x ?? NaN, factorScale));
  const factor =
    config.factor === undefined || new Set(places).size < 2
      ? []
      : [
          effect(
            'trend.factor',
            `slope per ${unit}, over ${placed.length} arms`,
            placed.map(({ id }) => at(id)),
            (rows, options) => pairedTrend(places, rows, options),
          ),
        ];
  const stepTrends = adjusted(
    config.arms.flatMap(({ id }) => {
      const steps = stepsOf(id);
      if (steps.length < 2) return [];
      const points = steps.map((step) => at(id, step));
      return [
        effect(`trend.step.${id}`, `slope per step of ${id}, over ${steps.length} steps`, points, (rows, options) =>
          pairedTrend(steps, rows, options),
        ),
      ];
    }),
  );
  const all = [...means, ...differences, ...factor, ...stepTrends, ...earlier];
  const { compare } = config.primary;
  const extra = compare !== undefined && !all.some(({ name }) => name === primaryName(config.primary)) ? [difference(...compare)] : [];
  return [...all, ...extra];
}

function adjusted(family: readonly Effect[]): Effect[] {
  const ps = holm(family.map(({ p }) => p));
  return family.map((effect, index) => ({ ...effect, pHolm: ps[index] ?? null }));
}

function tooFewRows(name: string, maps: readonly RowValues[]): NlaError {
  return new NlaError('E_EXPERIMENT_ROWS', {
    message: `The runs of "${name}" have fewer than two rows in common.`,
    found: `${maps.map((values) => values.size).join(', ')} rows each`,
    expected: 'the same held-out rows in all arms',
    fix: 'Share the data (`shared:`); with several seeds measure all held-out rows, because each seed draws its own order of them.',
    kind: 'input',
  });
}
