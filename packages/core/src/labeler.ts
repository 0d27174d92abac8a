import type { Figures, JsonValue, Logger, Warning } from './events.js';
import type { Model } from './model.js';

/** A text whose activation is to be explained. */
export interface LabelItem {
  /** Stable id of the row; answers come back under it. */
  readonly id: string;
  readonly documentId: string;
  /** The text up to and including the position the vector was read at. */
  readonly text: string;
  /** The last token of `text`, decoded. */
  readonly token: string;
  /** What the corpus says of the document: `{ family: 'wikipedia', topic: 'animal' }`. */
  readonly meta?: Readonly<Record<string, string>>;
}

/** What became of one item: an explanation, or the reason why its row is dropped. Every item has exactly one. */
export type Label =
  | {
      readonly id: string;
      readonly explanation: string;
      /** Who wrote it, for the row's `labeler_model` column. */
      readonly labeler: string;
      /** Named parts, where the explanation was written by rule. */
      readonly fields?: Readonly<Record<string, string>>;
    }
  | { readonly id: string; readonly explanation: null; readonly reason: string };

export interface LabelContext {
  /** The base model, for labelers that ask it what comes next. */
  readonly model: Model;
  /** Folder for answers that cost something; may be shared by runs. */
  readonly cacheFolder: string;
  readonly signal: AbortSignal;
  readonly log: Logger;
}

/** What labelling would cost, before anything is asked. */
export interface LabelEstimate {
  readonly figures: Figures;
  readonly warnings: readonly Warning[];
}

/** Writes explanations of texts. The same items give the same labels, from the cache where an answer cost something. */
export interface Labeler {
  readonly name: string;
  /** What the labels depend on (method, model, hashes of prompts), without secrets: goes into the data's sidecar and identity. */
  describe(): Readonly<Record<string, JsonValue>>;
  /** Labels one chunk, in the order of `items`. Throws only for what stops the whole job: a refused item is a {@link Label} with a reason. */
  label(items: readonly LabelItem[], context: LabelContext): Promise<readonly Label[]>;
  /** Prices a job without asking anybody; absent where labelling costs nothing. */
  estimate?(items: readonly LabelItem[], context: LabelContext): Promise<LabelEstimate>;
}
