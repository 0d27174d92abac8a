import { NlaError } from '@nlakit/core';
import { retractionWarning, type Retraction } from '@nlakit/run';

/** What is said of the steps after the one chosen that were not chosen because they are retracted. */
export function passedOver(retracted: ReadonlyMap<number, Retraction>, chosen: number): string[] {
  const later = [...retracted.values()].filter(({ step }) => step > chosen);
  return later.map((retraction) => {
    const { code, message } = retractionWarning(retraction);
    return `${code}: ${message}. Step ${chosen} is taken; name the folder of the other to open it all the same.`;
  });
}

/** No step is left to choose. */
export function everyStepRetracted(place: string, steps: readonly number[]): NlaError {
  return new NlaError('E_STEP_RETRACTED', {
    message: 'Every step of this trajectory is retracted.',
    file: place,
    found: steps.join(', '),
    fix: 'Name the folder of a step to open it all the same.',
    kind: 'input',
  });
}
