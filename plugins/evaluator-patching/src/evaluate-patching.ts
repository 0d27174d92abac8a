import type { EvaluateContext, Evaluation, Warning } from '@nlakit/core';
import { withEvaluation } from '@nlakit/nla/evaluation';
import { measurePatching, storedRow } from './measure-patching.js';
import type { PatchingOptions } from './options.js';
import { HEADLINE_COLUMNS, headlineOf, summarizePatching, type PatchingSummary } from './summary.js';

/** Nats that the row's own vector may cost when it is put back. */
const storageCost = 0.01;

/**
 * Measures what the explanations of one trajectory step keep of what the target model uses. Everything is read from disk, through the
 * sidecars. `E_EVALUATION_PAIR` if AV and AR do not belong together, `E_EVALUATION_LEAK` if held-out documents were trained on,
 * `E_PATCH_POINT` and `E_PATCH_ROWS` where nothing can be put back.
 */
export async function evaluatePatching(
  context: EvaluateContext,
  options: PatchingOptions,
  identity: { readonly name: string; readonly version: string },
): Promise<Evaluation> {
  return await withEvaluation(context, options, async (parts) => {
    const { layer } = parts.verbalizer.contract;
    const { meanUnit } = parts.reference.baselines;
    const measurement = await measurePatching({ ...parts, model: context.model, layer, meanUnit, options, context });
    const summary = summarizePatching(measurement, options, context.seeds);
    return {
      evaluator: identity.name,
      version: identity.version,
      step: parts.step,
      rows: measurement.rows.map(storedRow),
      summary,
      headline: headlineOf(summary),
      columns: HEADLINE_COLUMNS,
      provenance: {
        ...parts.provenance,
        decoding: { method: 'greedy', maxNewTokens: options.maxNewTokens },
        patched: { hook: measurement.point.hook, position: 'last token', length: 'of the activation' },
        statistics: { bootstrap: options.bootstrap, permutations: options.permutations, resampled: 'documents' },
      },
      warnings: [...parts.warnings, ...patchWarnings(summary)],
    };
  });
}

function patchWarnings({ leftOut, patched }: PatchingSummary): Warning[] {
  const warnings: Warning[] = [];
  const { noText, otherTokens, otherActivation } = leftOut;
  if (noText + otherTokens + otherActivation > 0) {
    const message = `Rows left out: ${noText} without text, ${otherTokens} whose text has other tokens, ${otherActivation} whose text gives another activation.`;
    warnings.push({ code: 'W_PATCH_ROWS', message });
  }
  const original = patched['ORIGINAL']?.divergence.value ?? 0;
  if (original > storageCost) {
    const message = `Putting the rows' own vectors back costs ${original.toFixed(3)} nats: they are not quite the model's activations.`;
    warnings.push({ code: 'W_PATCH_ORIGINAL', message });
  }
  return warnings;
}
