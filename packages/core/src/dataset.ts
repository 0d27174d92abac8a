import type { NlaContract } from './contract.js';
import type { Figures, JsonValue, Warning } from './events.js';
import type { Injector } from './injector.js';
import type { LabelEstimate } from './labeler.js';
import type { Model } from './model.js';

/** The parts of a dataset. `heldOut` shares no document with the other two. */
export type SplitName = 'avSft' | 'arSft' | 'heldOut';

/** One activation with its text and, where it is labelled, its explanation. */
export interface NlaRow {
  /** Stable id of the row within its dataset. */
  readonly id: string;
  /** Document the activation was read in; splits and shuffles keep documents apart. */
  readonly documentId: string;
  /** Raw activation, `[dModel]`. */
  readonly vector: Float32Array;
  /** Explanation without tags; absent in unlabelled splits. */
  readonly explanation?: string;
  /** The text up to and including the position the vector was read at. */
  readonly text?: string;
  /** The last token of `text`, decoded. */
  readonly token?: string;
  /** Number of tokens of `text`, special ones included. */
  readonly rawTokens: number;
  /** Named parts of the explanation, where it was written by rule: `{ topic: 'animal', last: 'the' }`. */
  readonly fields?: Readonly<Record<string, string>>;
  /** Who wrote the explanation: a model, a rule, a person. */
  readonly labeler?: string;
}

/** One split, opened. */
export interface DatasetSplit {
  readonly name: SplitName;
  readonly length: number;
  /** sha256 (hex) of the file. */
  readonly sha256: string;
  rows(indices: readonly number[]): Promise<NlaRow[]>;
}

/** What a dataset writes about itself. */
export interface DatasetDescription {
  readonly datasetId: string;
  readonly contract: NlaContract;
  readonly sidecar: Readonly<Record<string, JsonValue>>;
}

export interface DatasetContext {
  readonly model: Model;
  readonly injector: Injector;
  /** K. */
  readonly layer: number;
  /** The run's `data/` folder; nothing is written elsewhere. */
  readonly folder: string;
  readonly signal: AbortSignal;
  /** Stop after this one of the dataset's `stages`; all of them when absent. */
  readonly until?: string;
  /** Do only every `count`-th part of a stage that can be divided, beginning with part `index`, so that machines can share it. */
  readonly shard?: { readonly index: number; readonly count: number };
}

export type DatasetEvent =
  | { readonly type: 'progress'; readonly task: string; readonly done: number; readonly total?: number; readonly unit: string }
  | { readonly type: 'warning'; readonly warning: Warning }
  | { readonly type: 'done'; readonly figures: Figures; readonly files: readonly string[] };

/** Activations and explanations, with the contract they were made for. */
export interface Dataset {
  /** Names of the stages that `prepare` goes through and can stop after, in order; absent for a dataset made in one go. */
  readonly stages?: readonly string[];
  /** Makes the files if they have to be made; a dataset that only reads files checks them. Repeatable. */
  prepare(context: DatasetContext): AsyncIterable<DatasetEvent>;
  /** What labelling would cost, before anything is read or asked; absent for a dataset that asks no labeler. */
  estimateLabels?(context: DatasetContext): Promise<LabelEstimate>;
  describe(folder: string): Promise<DatasetDescription>;
  open(folder: string, split: SplitName): Promise<DatasetSplit>;
}
