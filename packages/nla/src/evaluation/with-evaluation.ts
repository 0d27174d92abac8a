import { basename } from 'node:path';
import type { EvaluateContext, JsonValue, NlaRow, Warning } from '@nlakit/core';
import { openReconstructor, type Reconstructor } from '../reconstructor.js';
import { openVerbalizer, type Verbalizer } from '../verbalizer.js';
import { checkHeldOut } from './check-held-out.js';
import { checkPair } from './check-pair.js';
import { readTrainingReference, type TrainingReference } from './training-reference.js';

/** Which rows an evaluation takes. */
export interface EvaluationRows {
  /** Number of held-out rows, unless the call says otherwise. */
  readonly rows: number;
  /** First part of the names of the evaluator's random streams; `<seedName>.rows` draws the rows. */
  readonly seedName: string;
}

/** A trajectory step, its reconstructor and the rows to measure them on, all checked against each other. */
export interface EvaluationParts {
  readonly rows: readonly NlaRow[];
  readonly reference: TrainingReference;
  readonly verbalizer: Verbalizer;
  readonly reconstructor: Reconstructor;
  readonly step: number;
  readonly warnings: readonly Warning[];
  /** What was measured with what: checkpoints, base model, layer, injection scale, data. */
  readonly provenance: Readonly<Record<string, JsonValue>>;
}

/** Below that many rows an evaluation warns that its intervals are wide. */
const fewRows = 100;

/**
 * Opens what an evaluator of a trajectory step needs, runs `work` and closes it again. Everything comes from disk; scale, prompt and
 * marker come from the sidecars and from nowhere else. Rows are the first n of one random order of the held-out split, so a smaller
 * evaluation measures a part of the rows of a larger one.
 *
 * Throws `E_EVALUATION_LEAK`, `E_EVALUATION_PAIR` and what opening AV and AR throws.
 */
export async function withEvaluation<Result>(
  context: EvaluateContext,
  options: EvaluationRows,
  work: (parts: EvaluationParts) => Promise<Result>,
): Promise<Result> {
  const { model, injector, dataset, dataFolder, stepFolder, reconstructorFolder, seeds, signal } = context;
  const reference = await readTrainingReference(dataset, dataFolder, signal);
  const split = await dataset.open(dataFolder, 'heldOut');
  const wanted = context.rows ?? options.rows;
  const order = seeds.stream(`${options.seedName}.rows`).shuffle(Array.from({ length: split.length }, (_, index) => index));
  const rows = await split.rows(order.slice(0, wanted));
  checkHeldOut(rows, reference.documents);
  const verbalizer = await openVerbalizer({ folder: stepFolder, model, injector });
  try {
    const reconstructor = await openReconstructor({ folder: reconstructorFolder, model });
    try {
      return await work({
        rows,
        reference,
        verbalizer,
        reconstructor,
        step: stepOf(verbalizer, stepFolder),
        warnings: [
          ...rowWarnings(rows.length, wanted, split.length),
          ...verbalizer.warnings,
          ...reconstructor.warnings,
          ...checkPair(verbalizer.contract, reconstructor.contract, rows),
        ],
        provenance: {
          step: basename(stepFolder),
          reconstructor: basename(reconstructorFolder),
          reconstructorStep: reconstructor.sidecar.step,
          baseModel: verbalizer.contract.baseModel,
          layer: verbalizer.contract.layer,
          injectionScale: verbalizer.contract.injectionScale,
          injector: injector.name,
          tokenizer: model.tokenizer.sha256,
          heldOut: { sha256: split.sha256, rows: split.length },
          reference: { sha256: reference.sourceHash, rows: reference.baselines.n },
          seed: seeds.seed,
          seedName: options.seedName,
        },
      });
    } finally {
      reconstructor.dispose();
    }
  } finally {
    verbalizer.dispose();
  }
}

function rowWarnings(found: number, wanted: number, available: number): Warning[] {
  const warnings: Warning[] = [];
  if (found < wanted)
    warnings.push({ code: 'W_EVALUATION_ROWS', message: `${wanted} rows were asked for, the held-out split has ${available}.` });
  if (found < fewRows)
    warnings.push({
      code: 'W_EVALUATION_FEW_ROWS',
      message: `${found} rows are few: small effects do not show, and large ones have wide intervals. ${fewRows} or more are advised.`,
    });
  return warnings;
}

function stepOf(verbalizer: Verbalizer, folder: string): number {
  if (verbalizer.sidecar.step !== null) return verbalizer.sidecar.step;
  const written = /step_0*(\d+)$/.exec(basename(folder))?.[1];
  return written === undefined ? 0 : Number(written);
}
