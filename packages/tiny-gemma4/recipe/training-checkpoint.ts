import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { NlaError, type JsonValue } from '@nlakit/core';
import type { OptimizerState } from '@nlakit/optim';
import { openSafetensors, writeSafetensors } from '@nlakit/safetensors';

/** Everything a run needs to go on. */
export interface TrainingCheckpoint {
  readonly parameters: ReadonlyMap<string, Float32Array>;
  readonly optimizer: OptimizerState;
  /** Seconds of training so far, over all sessions. */
  readonly seconds: number;
  /** Settings that must not change between sessions. */
  readonly settings: JsonValue;
}

/** File of the checkpoint in a training folder. */
export function checkpointFile(folder: string): string {
  return join(folder, 'checkpoint.safetensors');
}

/** Writes the checkpoint; the former one is replaced only when the new one is complete. */
export async function writeCheckpoint(folder: string, checkpoint: TrainingCheckpoint): Promise<void> {
  const { parameters, optimizer, seconds, settings } = checkpoint;
  const entries = [
    ...[...parameters].map(([name, data]) => [`parameter/${name}`, { shape: [data.length], data }] as const),
    ...[...optimizer.tensors].map(([name, { shape, data }]) => [`optimizer/${name}`, { shape, data }] as const),
  ];
  const state = { step: optimizer.step, hyperparameters: optimizer.hyperparameters, seconds, settings };
  await writeSafetensors(checkpointFile(folder), entries, { state: JSON.stringify(state) });
}

/**
 * The checkpoint of a training folder, or undefined if there is none.
 *
 * @param changeable settings that may be others than those the checkpoint was made with.
 * Throws `E_CHECKPOINT_SETTINGS` if another one differs.
 */
export async function readCheckpoint(
  folder: string,
  settings: Readonly<Record<string, JsonValue>>,
  changeable: readonly string[] = [],
): Promise<TrainingCheckpoint | undefined> {
  const checkpoint = await readAnyCheckpoint(folder);
  if (checkpoint === undefined) return undefined;
  const fixed = (values: object): string => JSON.stringify(Object.entries(values).filter(([name]) => !changeable.includes(name)));
  if (fixed(checkpoint.settings as object) !== fixed(settings)) {
    throw new NlaError('E_CHECKPOINT_SETTINGS', {
      message: 'The checkpoint was made with other settings.',
      file: checkpointFile(folder),
      found: JSON.stringify(checkpoint.settings),
      expected: JSON.stringify(settings),
      fix: 'Train in another folder, or with the settings of the checkpoint; --change-length accepts another --tokens.',
      kind: 'input',
    });
  }
  return checkpoint;
}

/** The checkpoint of a training folder whatever its settings, or undefined if there is none. */
export async function readAnyCheckpoint(folder: string): Promise<TrainingCheckpoint | undefined> {
  const path = checkpointFile(folder);
  if (!existsSync(path)) return undefined;
  const file = await openSafetensors(path);
  try {
    const state = JSON.parse(file.metadata['state'] ?? '{}') as Pick<TrainingCheckpoint, 'seconds' | 'settings'> &
      Pick<OptimizerState, 'step' | 'hyperparameters'>;
    const parameters = new Map<string, Float32Array>();
    const tensors = new Map<string, { shape: readonly number[]; data: Float32Array }>();
    for (const name of file.names()) {
      const data = await file.float32(name);
      if (name.startsWith('parameter/')) parameters.set(name.slice('parameter/'.length), data);
      else tensors.set(name.slice('optimizer/'.length), { shape: [data.length], data });
    }
    return {
      parameters,
      optimizer: { step: state.step, hyperparameters: state.hyperparameters, tensors },
      seconds: state.seconds,
      settings: state.settings,
    };
  } finally {
    await file.close();
  }
}
