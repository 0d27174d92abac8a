import { basename } from 'node:path';
import { NlaError } from '@nlakit/core';
import { stepOfName } from '@nlakit/run';
import { SIDECAR_FILE } from '@nlakit/sidecar';

/** A checkpoint folder; its step is null where its name does not state one. */
export interface CheckpointPlace {
  readonly folder: string;
  readonly step: number | null;
}

/** The checkpoint in a folder. */
export function placeOf(folder: string): CheckpointPlace {
  return { folder, step: stepOfName(basename(folder)) ?? null };
}

/** An adapter without `nla_meta.yaml`. */
export function sidecarMissing(place: string): NlaError {
  return new NlaError('E_SIDECAR_MISSING', {
    message:
      'This adapter has no nla_meta.yaml: nothing says at which scale its vectors were injected, and guessing spoils what it writes.',
    file: place,
    found: `no ${SIDECAR_FILE}`,
    expected: 'the sidecar that belongs to the weights',
    fix: 'Take another step, or put the sidecar of its publisher into a copy of the folder.',
    kind: 'input',
  });
}
