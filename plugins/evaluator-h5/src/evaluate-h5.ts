import { NlaError } from '@nlakit/core';
import type { EvaluateContext, Evaluation } from '@nlakit/core';
import { withEvaluation } from '@nlakit/nla/evaluation';
import { failedChecks } from './integrity.js';
import type { FailedCheck } from './integrity.js';
import { measure } from './measure.js';
import { swapsOf } from './options.js';
import type { H5Options } from './options.js';
import { readingTokens } from './reading-tokens.js';
import { recordInjections } from './record-injections.js';
import { storedRows } from './stored-row.js';
import { HEADLINE_COLUMNS, headlineOf, summarizeH5 } from './summary.js';

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
  const { model, seeds, signal, log } = context;
  const recording = recordInjections(context.injector);
  return await withEvaluation({ ...context, injector: recording.injector }, options, async (parts): Promise<Evaluation> => {
    const { rows, reference, verbalizer, reconstructor, step, warnings, provenance } = parts;
    const { tokens, source } = readingTokens(rows, model.tokenizer);
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
      step,
      rows: stored,
      summary,
      headline: headlineOf(summary),
      columns: HEADLINE_COLUMNS,
      provenance: {
        ...provenance,
        injectedNorms: injections.norms === null ? null : { ...injections.norms },
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
        tokens: source,
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
  });
}

function integrityError(failed: readonly FailedCheck[]): NlaError {
  return new NlaError('E_EVALUATION_INTEGRITY', {
    message: 'The evaluation contradicts itself, its data or its checkpoint; it is not stored.',
    found: failed.map(({ check, found }) => `${check}: ${found}`).join('; '),
    expected: 'every check passed',
    fix: 'Look at what the failed checks stand for in the README of @nlakit/evaluator-h5: injector, verbalizer or dataset do not keep their contract.',
  });
}
