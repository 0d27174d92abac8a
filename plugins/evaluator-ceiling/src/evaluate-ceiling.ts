import type { EvaluateContext, Evaluation, NlaRow, Warning } from '@nlakit/core';
import { withEvaluation } from '@nlakit/nla/evaluation';
import { measureCeiling, storedRows } from './measure-ceiling.js';
import type { CeilingOptions } from './options.js';
import { headlineColumns, headlineOf, summarizeCeiling, type CeilingSummary } from './summary.js';

/**
 * Measures what can be decoded from the activations of held-out rows, and how much of it from the reconstructions of one trajectory
 * step's explanations. Everything is read from disk, through the sidecars; probes are fitted on rows of other documents.
 * `E_EVALUATION_PAIR` if AV and AR do not belong together, `E_EVALUATION_LEAK` if held-out documents were trained on.
 */
export async function evaluateCeiling(
  context: EvaluateContext,
  options: CeilingOptions,
  identity: { readonly name: string; readonly version: string },
): Promise<Evaluation> {
  return await withEvaluation(context, options, async (parts) => {
    const { training, sha256, length } = await readTraining(context, options);
    const measurement = await measureCeiling({ ...parts, training, options, context });
    const summary = summarizeCeiling(measurement, options, context.seeds);
    return {
      evaluator: identity.name,
      version: identity.version,
      step: parts.step,
      rows: storedRows(measurement),
      summary,
      headline: headlineOf(summary),
      columns: headlineColumns(summary),
      provenance: {
        ...parts.provenance,
        decoding: { method: 'greedy', maxNewTokens: options.maxNewTokens },
        probe: {
          what: 'L2 multinomial logistic regression on standardised unit vectors',
          l2: options.l2,
          training: { sha256, rows: training.length, ofRows: length },
          folds: options.folds,
        },
        statistics: { bootstrap: options.bootstrap, permutations: options.permutations, resampled: 'documents', permuted: 'documents' },
      },
      warnings: [...parts.warnings, ...fieldWarnings(summary, options)],
    };
  });
}

/** The first rows of one random order of the AV's training split, which is of other documents than the held-out rows. */
async function readTraining(
  { dataset, dataFolder, seeds, signal }: EvaluateContext,
  options: CeilingOptions,
): Promise<{ training: NlaRow[]; sha256: string; length: number }> {
  const split = await dataset.open(dataFolder, 'avSft');
  const all = Array.from({ length: split.length }, (_, index) => index);
  const order = seeds.stream(`${options.seedName}.training`).shuffle(all).slice(0, options.probeRows);
  const training: NlaRow[] = [];
  for (let start = 0; start < order.length; start += 512) {
    signal.throwIfAborted();
    training.push(...(await split.rows(order.slice(start, start + 512))));
  }
  return { training, sha256: split.sha256, length: split.length };
}

function fieldWarnings(summary: CeilingSummary, { fields, minimumPerClass }: CeilingOptions): Warning[] {
  const warnings: Warning[] = [];
  const missing = (fields ?? []).filter((field) => summary.fields[field] === undefined);
  if (missing.length > 0 || Object.keys(summary.fields).length === 0) {
    const which = missing.length > 0 ? missing.join(', ') : 'any field';
    const message = `No probe for ${which}: that takes two classes with ${minimumPerClass} training rows each, and held-out rows of both.`;
    warnings.push({ code: 'W_CEILING_FIELDS', message });
  }
  for (const [field, { transfer }] of Object.entries(summary.fields)) {
    const n = transfer.spaces['RAW']?.n ?? 0;
    if (n >= 50) continue;
    warnings.push({ code: 'W_CEILING_FEW_ROWS', message: `Only ${n} held-out rows have one of the classes of "${field}".` });
  }
  return warnings;
}
