import { NlaError } from '@nlakit/core';

/** How the learning rate changes after the warm-up. */
export type ScheduleName = 'constant' | 'cosine' | 'linear';

/** A learning rate over a run. */
export interface ScheduleOptions {
  readonly schedule: ScheduleName;
  /** The largest learning rate, reached at the end of the warm-up. */
  readonly learningRate: number;
  /** Steps of linear growth: step s has `learningRate · s / warmup`. 0 by default. */
  readonly warmup?: number;
  /** Steps of the run. */
  readonly steps: number;
  /** The last step's learning rate over the largest, 0 by default. Without meaning for `constant`. */
  readonly finalFraction?: number;
}

/**
 * Learning rate of a step, which counts from 1. Unlike in transformers' schedules the first step of a warm-up is not 0, so no
 * step is wasted. Steps beyond the last keep its value. Throws `E_OPTIM_SCHEDULE`.
 */
export function createSchedule(options: ScheduleOptions): (step: number) => number {
  const { schedule, learningRate, steps } = options;
  const warmup = options.warmup ?? 0;
  const finalFraction = options.finalFraction ?? 0;
  const need = (valid: boolean, name: string, found: unknown, expected: string): void => {
    if (valid) return;
    throw new NlaError('E_OPTIM_SCHEDULE', {
      message: `The schedule's ${name} is unusable.`,
      found: String(found),
      expected,
      kind: 'input',
    });
  };
  need(['constant', 'cosine', 'linear'].includes(schedule), 'name', schedule, 'constant, cosine or linear');
  need(Number.isFinite(learningRate) && learningRate > 0, 'learning rate', learningRate, 'a positive number');
  need(Number.isSafeInteger(steps) && steps > 0, 'number of steps', steps, 'a positive whole number');
  need(Number.isSafeInteger(warmup) && warmup >= 0 && warmup <= steps, 'warmup', warmup, `a whole number from 0 to ${steps}`);
  need(finalFraction >= 0 && finalFraction <= 1, 'finalFraction', finalFraction, 'a number from 0 to 1');
  const span = Math.max(1, steps - warmup);
  return (step) => {
    if (step < warmup) return (learningRate * step) / warmup;
    if (schedule === 'constant') return learningRate;
    const progress = Math.min(1, (step - warmup) / span);
    const fall = schedule === 'linear' ? 1 - progress : 0.5 * (1 + Math.cos(Math.PI * progress));
    return learningRate * (finalFraction + (1 - finalFraction) * fall);
  };
}
