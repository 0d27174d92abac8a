import type { MeanLoss } from './held-out-loss.js';
import type { CurvePoint } from './loss-curve.js';
import type { MachineFacts } from '@nlakit/run';
import type { StreamName, TrainingSettings } from './training-plan.js';
import type { TrainingSession } from './training-sessions.js';

/** A mean loss over the tokens of some of the held-out rows. */
export interface HeldOutLoss extends MeanLoss {
  /** Rows that were read, and rows there are. */
  readonly rows: number;
  readonly ofRows: number;
}

/** A trigram model as the baseline: what it was trained on and its loss on the tokens that the model's loss counts. */
export interface TrigramBaseline extends MeanLoss {
  readonly trainedOn: readonly StreamName[];
  /** Tokens it was trained on. */
  readonly trainingTokens: number;
}

/** `training.json`: how the bundled weights came about and what they reach. Losses are in nats per token. */
export interface TrainingRecord {
  readonly schema: 1;
  /** Whether all steps of the plan were made. Weights may be exported from the middle of a training run. */
  readonly finished: boolean;
  readonly step: number;
  readonly settings: TrainingSettings;
  readonly optimiser: Readonly<Record<string, unknown>>;
  readonly parameters: number;
  /** Tokens in each training stream, and how many of each were read so far. */
  readonly streamTokens: Readonly<Record<StreamName, number>>;
  readonly tokensSeen: Readonly<Record<StreamName, number>>;
  /** Seconds of training, over all sessions. */
  readonly seconds: number;
  readonly sessions: readonly TrainingSession[];
  /** Glosses of synsets that neither tokenizer nor model were trained on; measured with the rounded weights. */
  readonly heldOut: HeldOutLoss;
  /** The same synsets as excerpts with an explanation. */
  readonly heldOutExplained: HeldOutLoss;
  /** What `heldOut` is to be compared with. */
  readonly trigrams: readonly TrigramBaseline[];
  readonly measuredWith: { readonly engine: string; readonly machine: MachineFacts };
  /** Losses of the first steps one by one: what training from the seed must give again. */
  readonly firstLosses: readonly number[];
  /** Training loss, each point the mean of several steps. */
  readonly lossCurve: readonly CurvePoint[];
  /** Losses on the first held-out rows during training. */
  readonly heldOutCurve: readonly CurvePoint[];
}

/** A file of the model folder. */
export interface FileFacts {
  readonly bytes: number;
  readonly sha256: string;
}

/** The record as it lies in the model folder, with the other files that come from the training. */
export interface StoredTrainingRecord extends TrainingRecord {
  readonly files: Readonly<Record<string, FileFacts>>;
}
