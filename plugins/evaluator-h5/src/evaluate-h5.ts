import { basename } from 'node:path';
import { NlaError } from '@nlakit/core';
import type { EvaluateContext, Evaluation, NlaRow, Warning } from '@nlakit/core';
import { openReconstructor, openVerbalizer } from '@nlakit/nla';
import type { Reconstructor, Verbalizer } from '@nlakit/nla';
import { contractDifferences } from '@nlakit/sidecar';
import { failedChecks } from './integrity.js';
import type { FailedCheck } from './integrity.js';
import { measure } from './measure.js';
import { swapsOf } from './options.js';
import type { H5Options } from './options.js';
import { readingTokens } from './reading-tokens.js';
import { recordInjections } from './record-injections.js';
import { storedRows } from './stored-row.js';
import { headlineOf, summarizeH5 } from './summary.js';
import { checkHeldOut, readTrainingReference } from './training-reference.js';

/** Who measured. */
export interface EvaluatorIdentity {
  readonly name: string;
  readonly version: string;
}

/**
 * The H5 content test on one trajectory step, which is read from disk: injection scale, prompt and marker come from its sidecar and from
 * nowhere else. `E_EVALUATION_PAIR` if AV and AR do not belong together, `E_EVALUATION_LEAK` if held-out documents were trained on,
 * `E_EVALUATION_INTEGRITY` if what comes out fails one of the {@link INTEGRITY_CHECKS}.
 */
export async function evaluateH5(context: EvaluateContext, options: H5Options, identity: EvaluatorIdentity): Promise<Evaluation> {
  const { model, injector, dataset, dataFolder, stepFolder, reconstructorFolder, seeds, signal, log } = context;
  const reference = await readTrainingReference(dataset, dataFolder, signal);
  const split = await dataset.open(dataFolder, 'heldOut');
  const wanted = context.rows ?? options.rows;
  // The first n of one random order: a smaller evaluation measures a part of the rows of a larger one.
  const order = seeds.stream(`${options.seedName}.rows`).shuffle(Array.from({ length: split.length }, (_, index) => index));
  const rows = await split.rows(order.slice(0, wanted));
  checkHeldOut(rows, reference.documents);
  const warnings: Warning[] = [];
  if (rows.length < wanted)
    warnings.push({ code: 'W_H5_ROWS', message: `${wanted} rows were asked for, the held-out split has ${rows.length}.` });

  const recording = recordInjections(injector);
  const verbalizer = await openVerbalizer({ folder: stepFolder, model, injector: recording.injector });
  try {
    const reconstructor = await openReconstructor({ folder: reconstructorFolder, model });
    try {
      warnings.push(...verbalizer.warnings, ...reconstructor.warnings, ...checkPair(verbalizer, reconstructor, rows));
      const { tokens, source: tokenSource } = readingTokens(rows, model.tokenizer);
      const measurement = await measure({ rows, tokens, reference, verbalizer, reconstructor, options, seeds, signal, log });
      const summary = summarizeH5(measurement, reference, options, seeds);
      const stored = storedRows(measurement);
      const injections = recording.record();
      const failed = failedChecks(
        { rows: stored, summary },
        {
          ids: rows.map(({ id }) => id),
          trainedDocuments: reference.documents,
          injectionScale: verbalizer.contract.injectionScale,
          injections,
          wholeOutput: options.dialect === 'solshine',
        },
      );
      if (failed.length > 0) throw integrityError(failed);
      return {
        evaluator: identity.name,
        version: identity.version,
        step: stepOf(verbalizer, stepFolder),
        rows: stored,
        summary,
        headline: headlineOf(summary),
        provenance: {
          step: basename(stepFolder),
          reconstructor: basename(reconstructorFolder),
          reconstructorStep: reconstructor.sidecar.step,
          baseModel: verbalizer.contract.baseModel,
          layer: verbalizer.contract.layer,
          injectionScale: verbalizer.contract.injectionScale,
          injectedNorms: injections.norms === null ? null : { ...injections.norms },
          injector: injector.name,
          tokenizer: model.tokenizer.sha256,
          heldOut: { sha256: split.sha256, rows: split.length },
          decoding: {
            method: options.temperature === 0 ? 'greedy' : 'sampling',
            maxNewTokens: options.maxNewTokens,
            ...(options.minNewTokens === 0 ? {} : { minNewTokens: options.minNewTokens }),
            ...(options.temperature === 0 ? {} : { temperature: options.temperature }),
            batch: options.batch,
          },
          dialect: options.dialect,
          form: options.form,
          swaps: Object.fromEntries(Object.entries(swapsOf(options)).map(([name, fields]) => [name, [...fields]])),
          tokens: tokenSource,
          statistics: {
            seed: seeds.seed,
            seedName: options.seedName,
            bootstrap: options.bootstrap,
            permutations: options.permutations,
            resampled: 'documents',
          },
        },
        warnings: [...warnings, ...measurement.warnings],
      };
    } finally {
      reconstructor.dispose();
    }
  } finally {
    verbalizer.dispose();
  }
}

/** AV, AR and rows must be about the same vectors. Smaller differences are told. */
function checkPair(verbalizer: Verbalizer, reconstructor: Reconstructor, rows: readonly NlaRow[]): Warning[] {
  const differences = contractDifferences(verbalizer.contract, reconstructor.contract);
  const fatal = differences.filter((name) => ['baseModel', 'dModel', 'layer', 'mseScale', 'templates.ar'].includes(name));
  const width = rows[0]?.vector.length;
  if (width !== undefined && width !== verbalizer.contract.dModel) fatal.push('the width of the rows');
  if (fatal.length > 0) {
    throw new NlaError('E_EVALUATION_PAIR', {
      message: 'Verbalizer, reconstructor and data do not belong together.',
      found: `different: ${fatal.join(', ')}`,
      expected: 'one base model, one layer, one AR template',
      fix: 'Evaluate with the reconstructor that was trained for this layer and model.',
      kind: 'input',
    });
  }
  if (differences.length === 0) return [];
  return [{ code: 'W_H5_PAIR', message: `The sidecars of AV and AR differ in ${differences.join(', ')}.` }];
}

function integrityError(failed: readonly FailedCheck[]): NlaError {
  return new NlaError('E_EVALUATION_INTEGRITY', {
    message: 'The evaluation contradicts itself, its data or its checkpoint; it is not stored.',
    found: failed.map(({ check, found }) => `${check}: ${found}`).join('; '),
    expected: 'every check passed',
    fix: 'Look at what the failed checks stand for in the README of @nlakit/evaluator-h5: injector, verbalizer or dataset do not keep their contract.',
  });
}

function stepOf(verbalizer: Verbalizer, folder: string): number {
  if (verbalizer.sidecar.step !== null) return verbalizer.sidecar.step;
  const written = /step_0*(\d+)$/.exec(basename(folder))?.[1];
  return written === undefined ? 0 : Number(written);
}
