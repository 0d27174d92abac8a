import type { Estimate, Figures, HeadlineColumn, JsonValue } from '@nlakit/core';
import type { Retractions } from '@nlakit/run';
import type { RunFacts } from './run-facts.js';
import type { CellMaker } from './traced/cell.js';

/** One condition of an evaluation at one checkpoint. */
export interface ConditionPoint {
  readonly condition: string;
  /** Mean cosine with its 95 % interval. */
  readonly cosine: Estimate;
}

/** `AV_OUT` minus another condition, row by row, at one checkpoint. */
export interface DifferencePoint {
  readonly against: string;
  readonly difference: Estimate;
}

/** One held-out row of the table of examples, by its place in the evaluation. */
export interface ExampleRow {
  readonly group: 'best' | 'median' | 'worst';
  /** Place among the rows of the evaluation, from 0. */
  readonly index: number;
  readonly text: string;
  readonly token: string;
}

/** What one row measured, by condition. */
export type RowCosines = Readonly<Record<string, number>>;

/** One evaluation of one checkpoint that compares conditions. */
export interface StepEvaluation {
  /** Id of the evaluator in the config. */
  readonly evaluator: string;
  /** Its file in the release. */
  readonly file: string;
  readonly step: number;
  readonly retracted: boolean;
  readonly rows: number;
  readonly conditions: readonly ConditionPoint[];
  readonly differences: readonly DifferencePoint[];
  readonly headline: Figures;
  readonly columns: readonly HeadlineColumn[] | undefined;
  /** Norm of the mean unit vector: the cosine that a constant reaches. */
  readonly rho: number | undefined;
  readonly cosines: readonly RowCosines[];
  readonly examples: readonly ExampleRow[];
  /** Names of the checks it makes. */
  readonly checks: readonly string[];
}

/** One evaluation of any evaluator, as tables need it. */
export interface StepHeadline {
  readonly evaluator: string;
  readonly file: string;
  readonly step: number;
  readonly retracted: boolean;
  readonly headline: Figures;
  readonly columns: readonly HeadlineColumn[] | undefined;
}

/** A checkpoint of the trajectory. */
export interface StepFolder {
  readonly step: number;
  /** Its sidecar in the release. */
  readonly sidecar: string;
  readonly retracted: boolean;
}

/** Everything a report shows: of a run, or of what was published of one. */
export interface ReportData {
  readonly facts: RunFacts;
  readonly steps: readonly StepFolder[];
  readonly reconstructor: StepFolder | undefined;
  /** Of the first evaluator that compares conditions, in step order. */
  readonly evaluations: readonly StepEvaluation[];
  /** All other evaluations, in step order. */
  readonly others: readonly StepHeadline[];
  readonly retractions: Retractions;
  /** Sidecars of the data. */
  readonly datasets: readonly string[];
  /** Folders and files of the release, as the card lists them. */
  readonly paths: readonly string[];
  readonly cell: CellMaker;
  readonly documents: (file: string) => JsonValue | undefined;
}

/** The last step that was measured and is not retracted; nothing is concluded from a retracted one. */
export function lastEvaluation({ evaluations }: ReportData): StepEvaluation | undefined {
  return evaluations.filter(({ retracted }) => !retracted).at(-1);
}

/** The newest step to use: the last one that is not retracted. */
export function newestStep({ steps }: ReportData): StepFolder | undefined {
  return steps.filter(({ retracted }) => !retracted).at(-1);
}
