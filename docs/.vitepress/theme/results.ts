import run from '../../results/tiny-trajectory.json';

/** A mean with its 95 % interval. */
export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** H5 of one checkpoint: the mean cosine of each condition. */
export interface Step {
  readonly step: number;
  readonly cosines: Readonly<Record<string, Estimate>>;
  readonly difference: Estimate;
}

interface Stored {
  readonly step: number;
  readonly summary: {
    readonly conditions: Readonly<Record<string, { readonly cosine: Estimate; readonly n: number }>>;
    readonly differences: Readonly<Record<string, Estimate>>;
  };
}

const stored = run.run.evaluations.h5 as unknown as readonly Stored[];

/** The checkpoints of the tiny trajectory, in order. */
export const steps: readonly Step[] = stored.map(({ step, summary }) => ({
  step,
  cosines: Object.fromEntries(Object.entries(summary.conditions).map(([name, { cosine }]) => [name, cosine])),
  difference: summary.differences['SHUFFLED'] as Estimate,
}));

/** Held-out rows that were measured. */
export const rows = stored.at(-1)?.summary.conditions['AV_OUT']?.n ?? 0;
