import { readFileSync } from 'node:fs';

/** A mean with its 95 % interval. */
export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** H5 of the tiny trajectory: mean cosine of each condition at each checkpoint. */
export interface TrajectoryFigures {
  readonly rows: number;
  readonly steps: readonly { readonly step: number; readonly cosines: Readonly<Record<string, Estimate>> }[];
}

interface Stored {
  readonly step: number;
  readonly summary: { readonly n: number; readonly conditions: Readonly<Record<string, { readonly cosine: Estimate }>> };
}

declare const data: TrajectoryFigures;
export { data };

/** Read when the site is built, so that pages carry these numbers and not the whole file. */
export default {
  watch: ['../../results/tiny-trajectory.json'],
  load([file = '']: string[]): TrajectoryFigures {
    const { run } = JSON.parse(readFileSync(file, 'utf8')) as { run: { evaluations: { h5: readonly Stored[] } } };
    return {
      rows: run.evaluations.h5.at(-1)?.summary.n ?? 0,
      steps: run.evaluations.h5.map(({ step, summary }) => ({
        step,
        cosines: Object.fromEntries(
          Object.entries(summary.conditions).map(
            ([
              name,
              {
                cosine: { value, low, high },
              },
            ]) => [name, { value, low, high }],
          ),
        ),
      })),
    };
  },
};
