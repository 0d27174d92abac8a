import { NlaError } from '@nlakit/core';

/** Index of the first element that is NaN or infinite, or -1. */
export function firstNonFinite(values: Float32Array): number {
  // 0 · x is NaN exactly for those, and NaN survives a sum: one branch-free pass in the usual case.
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! * 0;
  if (sum === 0) return -1;
  return values.findIndex((value) => !Number.isFinite(value));
}

/** Throws `E_OPTIM_GRADIENT` if a gradient holds a NaN or an infinity. */
export function refuseNonFinite(name: string, gradient: Float32Array): void {
  const index = firstNonFinite(gradient);
  if (index < 0) return;
  throw new NlaError('E_OPTIM_GRADIENT', {
    message: `The gradient of ${name} is not finite; nothing was updated.`,
    found: `${gradient[index]} at element ${index} of ${gradient.length}`,
    expected: 'finite numbers',
    fix: 'Lower the learning rate or the injection scale, or look at the last rows of data.',
    kind: 'failure',
  });
}
