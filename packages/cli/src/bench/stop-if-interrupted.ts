import { NlaError } from '@nlakit/core';

/** Throws `E_INTERRUPTED` if the user wants no more. */
export function stopIfInterrupted(signal: AbortSignal): void {
  if (signal.aborted) throw new NlaError('E_INTERRUPTED', { message: 'Interrupted: nothing was recorded.' });
}
