import type { RunEvent } from '@nlakit/run';
import type { TensorboardEvent } from './event-record.js';

/** An event with the folder it goes to, which TensorBoard takes for the name of a run. */
export interface PlacedEvent {
  readonly folder: string;
  readonly event: TensorboardEvent;
}

/**
 * What TensorBoard is to show of a run's event: the figures of each step below `train/`, those measured at a save below `health/`, both in a
 * folder for each role, and the headlines of evaluators in the folder `eval`. Undefined for events without figures.
 */
export function scalarsOfEvent(event: RunEvent): PlacedEvent | undefined {
  const wallTime = Date.parse(event.time) / 1000;
  if (event.stage === 'eval' && event.type === 'evaluation') return scalars('eval', event.evaluator, event.step, event.headline);
  if (event.stage !== 'train') return undefined;
  switch (event.type) {
    case 'start':
      return { folder: event.role, event: { kind: 'start', wallTime, step: (event.resumedFrom ?? 0) + 1 } };
    case 'step':
      return scalars(event.role, 'train', event.step, event.figures);
    case 'checkpoint':
      return scalars(event.role, 'health', event.step, event.health);
    case 'plan':
    case 'guard':
    case 'warning':
    case 'done':
      return undefined;
  }

  function scalars(
    folder: string,
    prefix: string,
    step: number,
    figures: Readonly<Record<string, number | undefined>>,
  ): PlacedEvent | undefined {
    const values: Record<string, number> = {};
    for (const [name, value] of Object.entries(figures))
      if (value !== undefined && Number.isFinite(value)) values[`${prefix}/${name}`] = value;
    return Object.keys(values).length === 0 ? undefined : { folder, event: { kind: 'scalars', wallTime, step, values } };
  }
}
