import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { NlaError } from '@nlakit/core';
import { engineOf, engineOptions } from './engine-option.js';
import type { EngineChoice } from './engine.js';
import type { LearningRateOptions } from './learning-rate.js';

/** What may be chosen on the command line. */
export interface PretrainOptions {
  /** Holds the corpus, the checkpoint and the loss curve. */
  readonly folder: string;
  readonly seed: number;
  /** Rows of a step. */
  readonly batch: number;
  readonly steps: number;
  /** Stop, with a checkpoint, after that step. */
  readonly untilStep: number;
  readonly engine: EngineChoice;
  readonly workers: number;
  /** Minutes between checkpoints. */
  readonly checkpointMinutes: number;
  /** Go on from a checkpoint of a run that was planned with another number of tokens. */
  readonly changeLength: boolean;
  /** Print where the time of a step goes, then stop. */
  readonly profile: boolean;
}

/** Shares of the token streams. */
export const mixture = { glosses: 0.68, hypernyms: 0.02, explained: 0.3 } as const;

/** AdamW and the learning rate, per run length. */
export const optimiser = { betas: [0.9, 0.95], weightDecay: 0.05, clip: 1 } as const;

export function learningRateOptions(steps: number): LearningRateOptions {
  return { largest: 4e-3, warmup: 60, flatUntil: 0.3, finalFraction: 0.02, steps };
}

export const defaultFolder = join(tmpdir(), 'nlakit-tiny-gemma4');

/** Reads the command line. Throws `E_ARGUMENT` for something that is no number. */
export function parseOptions(args: readonly string[], rowLength: number): PretrainOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      folder: { type: 'string', default: defaultFolder },
      seed: { type: 'string', default: '17' },
      batch: { type: 'string', default: '16' },
      tokens: { type: 'string', default: '20000000' },
      until: { type: 'string' },
      workers: { type: 'string', default: '1' },
      ...engineOptions,
      'checkpoint-minutes': { type: 'string', default: '3' },
      'change-length': { type: 'boolean', default: false },
      profile: { type: 'boolean', default: false },
    },
  });
  const batch = positive('batch', values.batch);
  const steps = Math.round(positive('tokens', values.tokens) / (batch * rowLength));
  return {
    folder: values.folder,
    seed: Number(values.seed),
    batch,
    steps,
    untilStep: values.until === undefined ? steps : positive('until', values.until),
    engine: engineOf(values),
    workers: positive('workers', values.workers),
    checkpointMinutes: positive('checkpoint-minutes', values['checkpoint-minutes']),
    changeLength: values['change-length'],
    profile: values.profile,
  };
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new NlaError('E_ARGUMENT', { message: `--${name} must be a positive number.`, found: text, kind: 'input' });
}
