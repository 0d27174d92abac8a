import { NlaError } from '@nlakit/core';

/** The error a stage ends with when the run was told to stop; hosts exit with 130. */
export function interruption(what: string, resumeCommand: string): NlaError {
  return new NlaError('E_INTERRUPTED', { message: `Interrupted: ${what}.`, fix: `Go on with: ${resumeCommand}` });
}
