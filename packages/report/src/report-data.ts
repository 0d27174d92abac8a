import type { Estimate, Figures, JsonValue } from '@nlakit/core';
import type { StepTrend } from './step-trends.js';

/** One training step, as a figure needs it. */
export interface StepPoint {
  readonly role: 'av' | 'ar';
  readonly step: number;
  readonly loss: number;
}

/** Health figures at one checkpoint. */
export interface HealthPoint {
  readonly role: 'av' | 'ar';
  readonly step: number;
  readonly figures: Figures;
}

/** One condition of the H5 test at one checkpoint. */
export interface ConditionPoint {
  readonly step: number;
  readonly condition: string;
  /** What the reconstructor was given, in words. */
  readonly meaning: string;
  /** Mean cosine with its 95 % interval. */
  readonly cosine: Estimate;
  /** Fraction of variance explained, direction only; absent if it was not computed. */
  readonly fve?: number;
  /** The same of the best constant on the same rows. */
  readonly constantFve?: number;
  /** Rows that have this condition. */
  readonly n?: number;
  readonly median?: number;
  readonly sd?: number;
  /** Share of rows above the threshold of the evaluation. */
  readonly shareAbove?: number;
}

/** `AV_OUT` minus another condition, row by row, at one checkpoint. */
export interface DifferencePoint {
  readonly step: number;
  readonly against: string;
  readonly difference: Estimate;
  /** Rows that have both conditions. */
  readonly n?: number;
  /** Two-sided p of the permutation test, and the same after the correction for the effects that are tested together. */
  readonly p?: number;
  readonly pCorrected?: number;
  /** Cohen's d_z. */
  readonly dZ?: number;
}

/** One held-out row for the table of examples. */
export interface ExampleRow {
  readonly text: string;
  readonly token: string;
  readonly gold: string;
  readonly verbalized: string;
  readonly cosine: number;
  readonly shuffledCosine?: number;
}

/** One H5 evaluation of one checkpoint. */
export interface StepEvaluation {
  /** Id of the evaluator in the config. */
  readonly evaluator: string;
  readonly step: number;
  readonly rows: number;
  /** Cosine that `shareAbove` counts from. */
  readonly threshold?: number;
  readonly conditions: readonly ConditionPoint[];
  readonly differences: readonly DifferencePoint[];
  readonly headline: Figures;
  readonly examples: readonly ExampleRow[];
}

/** Everything a report shows, read from one run folder. */
export interface ReportData {
  readonly name: string;
  readonly baseModel: string;
  readonly layer: number;
  readonly seed: number;
  /** Facts in display order: `['Quantizer', 'NF4, block 64']`. */
  readonly facts: readonly (readonly [label: string, value: string])[];
  readonly steps: readonly StepPoint[];
  readonly health: readonly HealthPoint[];
  /** Of the first evaluator that compares conditions, in step order. */
  readonly evaluations: readonly StepEvaluation[];
  /** How the differences of `evaluations` change over the steps. */
  readonly trends: readonly StepTrend[];
  /** Headlines of all other evaluations, in step order. */
  readonly others: readonly { readonly evaluator: string; readonly step: number; readonly headline: Figures }[];
  readonly warnings: readonly string[];
  /** The resolved configuration as a config file would hold it, without paths of this machine. */
  readonly configuration: JsonValue;
}
