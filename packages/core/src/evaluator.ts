import type { Dataset } from './dataset.js';
import type { Figures, JsonValue, Logger, Warning } from './events.js';
import type { FigureFormat } from './figure-format.js';
import type { Injector } from './injector.js';
import type { Model } from './model.js';
import type { SeedStreams } from './random.js';

/** An estimate with its 95 % interval. */
export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

export interface EvaluateContext {
  readonly model: Model;
  readonly injector: Injector;
  readonly dataset: Dataset;
  readonly dataFolder: string;
  /** The trajectory step to be measured: a folder with adapter and sidecar. Read from disk, through the sidecar. */
  readonly stepFolder: string;
  /** The reconstructor's checkpoint folder. */
  readonly reconstructorFolder: string;
  /** Overrides the configured number of rows. */
  readonly rows?: number;
  readonly seeds: SeedStreams;
  readonly signal: AbortSignal;
  readonly log: Logger;
}

/** How tables show one figure of a headline. */
export interface HeadlineColumn {
  /** Its name in the headline. */
  readonly figure: string;
  /** What people read: `AV_OUT − SHUFFLED`. */
  readonly label: string;
  readonly format?: FigureFormat;
  /** Names of the figures that are the ends of its 95 % interval; they are shown with it. */
  readonly interval?: readonly [low: string, high: string];
}

/** Rows as measured, never truncated, and what they add up to. Every number of `summary` can be recomputed from `rows`. */
export interface Evaluation {
  readonly evaluator: string;
  readonly version: string;
  readonly step: number;
  readonly rows: readonly Readonly<Record<string, JsonValue>>[];
  /** Nested figures: conditions, differences, baselines. */
  readonly summary: Readonly<Record<string, JsonValue>>;
  /** The few figures a table or card shows. */
  readonly headline: Figures;
  /**
   * How tables show the headline, in their order: whoever prints it need not know the evaluator. Figures that no column names are not
   * shown; without columns every figure is, under its own name.
   */
  readonly columns?: readonly HeadlineColumn[];
  readonly provenance: Readonly<Record<string, JsonValue>>;
  readonly warnings: readonly Warning[];
}

/** Measures one trajectory step. */
export interface Evaluator {
  readonly name: string;
  evaluate(context: EvaluateContext): Promise<Evaluation>;
}
