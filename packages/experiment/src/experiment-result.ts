import type { MachineFacts } from '@nlakit/run';
import type { ExperimentConfig } from './experiment-config.js';
import type { Effect, Statistics } from './effects.js';
import type { Registration } from './registration.js';
import type { Verdict } from './verdict.js';

/** `experiment.json`: everything that table, figures and verdict were made from. */
export interface ExperimentResult {
  readonly schema: 1;
  readonly name: string;
  readonly question: string;
  readonly hypothesis: string;
  readonly figure: string;
  /** The effect that decides: for trends over `per` units of x. */
  readonly primary: {
    readonly effect: string;
    readonly per: number;
    readonly atLeast?: number;
    readonly atMost?: number;
    readonly value: number;
    readonly low: number;
    readonly high: number;
    readonly p: number;
    readonly verdict: Verdict;
    /** How many seeds' own values are on the right side of the threshold. */
    readonly seeds: { readonly on: number; readonly of: number } | null;
  };
  readonly registration: Registration;
  readonly reference: string;
  readonly factor?: ExperimentConfig['factor'];
  readonly arms: readonly ArmResult[];
  readonly effects: readonly Effect[];
  readonly statistics: Statistics & { readonly resampled: 'documents'; readonly streams: string };
  readonly warnings: readonly { readonly code: string; readonly message: string }[];
  /** Every row that was measured, with the figure by arm and step: one value a run, in the order of the arm's runs; null where it has none. */
  readonly rows: readonly {
    readonly id: string;
    readonly documentId: string;
    readonly values: Readonly<Record<string, Readonly<Record<string, readonly (number | null)[]>>>>;
  }[];
  readonly nlakit: string;
  readonly machine: MachineFacts;
}

/** An arm and its runs. */
export interface ArmResult {
  readonly id: string;
  readonly label: string;
  readonly x: number | null;
  /** Whether its run was there before the experiment. */
  readonly existing: boolean;
  readonly steps: readonly number[];
  /** Means at the last step of the figures that are only tabulated. */
  readonly also: Readonly<Record<string, number>>;
  readonly runs: readonly RunResult[];
}

/** A run of an arm: enough to know what was measured. */
export interface RunResult {
  readonly name: string;
  readonly seed: number;
  readonly hash: string;
  readonly createdAt: string;
  readonly nlakit: string;
  /** Settings other than those of the reference arm's first run. */
  readonly differences: readonly string[];
  readonly evaluations: readonly {
    readonly step: number;
    readonly checkpoint: string;
    readonly reconstructor: string;
    readonly evaluator: string;
    readonly version: string;
    readonly rows: number;
    readonly sha256: string;
    readonly seconds: number;
  }[];
  readonly trainingSeconds: number;
}
