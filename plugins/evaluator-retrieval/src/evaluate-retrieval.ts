import type { EvaluateContext, Evaluation, Warning } from '@nlakit/core';
import { withEvaluation } from '@nlakit/nla/evaluation';
import type { Extensions } from './extensions.js';
import { measureRetrieval, storedRows } from './measure-retrieval.js';
import type { RetrievalOptions } from './options.js';
import { headlineColumns, headlineOf, summarizeMeasurement, type RetrievalSummary } from './summary.js';

/**
 * Measures what one trajectory step's explanations say about their own rows. Everything is read from disk, through the sidecars.
 * `E_EVALUATION_PAIR` if AV and AR do not belong together, `E_EVALUATION_LEAK` if held-out documents were trained on.
 */
export async function evaluateRetrieval(
  context: EvaluateContext,
  options: RetrievalOptions,
  extensions: Extensions,
  identity: { readonly name: string; readonly version: string },
): Promise<Evaluation> {
  return await withEvaluation(context, options, async (parts) => {
    const measurement = await measureRetrieval({ ...parts, options, extensions, context });
    const summary = summarizeMeasurement(measurement, parts.reference.baselines, extensions.transforms, options, context.seeds);
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
        statistics: { bootstrap: options.bootstrap, permutations: options.permutations, resampled: 'documents', permuted: 'documents' },
        template: { share: options.templateShare },
        ...(options.embedder === undefined ? {} : { embedder: options.embedder }),
        ...(options.paraphraser === undefined ? {} : { paraphraser: options.paraphraser }),
      },
      warnings: [...parts.warnings, ...measurement.warnings, ...outputWarnings(summary)],
    };
  });
}

function outputWarnings({ diversity, documents, n }: RetrievalSummary): Warning[] {
  const warnings: Warning[] = [];
  if (diversity.band === 'collapsed' || diversity.distinct === 1) {
    const message = `The explanations have collapsed: ${diversity.distinct} different ones for ${n} rows, ${percent(diversity.mostFrequentShare)} of them the same.`;
    warnings.push({ code: 'W_MODE_COLLAPSE', message });
  }
  if (diversity.emptyShare >= 0.05)
    warnings.push({ code: 'W_EMPTY_OUTPUTS', message: `${percent(diversity.emptyShare)} of the outputs hold no explanation; they count.` });
  if (documents < 2)
    warnings.push({ code: 'W_RETRIEVAL_DOCUMENTS', message: 'All rows are of one document: no permutation test means anything.' });
  return warnings;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}
