import type { EvaluateContext, Evaluation, JsonValue } from '@nlakit/core';
import { explainRows, storedExplanation, withEvaluation, type ExplainedRow } from '@nlakit/nla/evaluation';
import { compareWords, wordsOf } from './compare-words.js';
import type { WordsOptions } from './options.js';

/** One measured row as it is stored. A type, not an interface: rows are JSON. */
type MeasuredRow = Readonly<Record<string, JsonValue>> & {
  readonly words: number;
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  /** The same against the label of another document: what any explanation in this style would get. */
  readonly otherF1: number;
};

/**
 * Explains held-out vectors and compares the words with those of the labels. Overlap alone says little, because explanations in one style
 * share words whatever they are about; so each is compared with another document's label, too, and the difference is the figure to look at.
 */
export async function evaluateWords(
  context: EvaluateContext,
  options: WordsOptions,
  identity: { readonly name: string; readonly version: string },
): Promise<Evaluation> {
  // Opens AV and AR from disk through their sidecars, draws held-out rows, and refuses rows whose documents were trained on.
  return await withEvaluation(context, options, async (parts) => {
    const explained = await explainRows(parts, options, context);
    const rows = explained.map((row, index) => measure(row, otherDocument(explained, index)));
    const mean = (name: 'words' | 'precision' | 'recall' | 'f1' | 'otherF1'): number =>
      rows.reduce((sum, row) => sum + row[name], 0) / rows.length;
    const summary = {
      n: rows.length,
      words: mean('words'),
      precision: mean('precision'),
      recall: mean('recall'),
      f1: mean('f1'),
      otherF1: mean('otherF1'),
      difference: mean('f1') - mean('otherF1'),
      /** How many different things are said: an AV that says the same about every vector says nothing about any. */
      distinct: new Set(explained.map(({ explanation }) => explanation)).size,
      /** Rows whose output holds no explanation. They count as explanations without words. */
      silent: rows.filter(({ words }) => words === 0).length,
    };
    return {
      evaluator: identity.name,
      version: identity.version,
      step: parts.step,
      rows,
      summary,
      headline: { n: summary.n, f1: summary.f1, otherF1: summary.otherF1, difference: summary.difference, distinct: summary.distinct },
      provenance: { ...parts.provenance, decoding: { method: 'greedy', maxNewTokens: options.maxNewTokens } },
      warnings: parts.warnings,
    };
  });
}

function measure(own: ExplainedRow, other: ExplainedRow): MeasuredRow {
  return {
    ...storedExplanation(own),
    words: wordsOf(own.explanation).length,
    ...compareWords(own.explanation, own.row.explanation ?? ''),
    other: other.row.id,
    otherLabel: other.row.explanation ?? null,
    otherF1: compareWords(own.explanation, other.row.explanation ?? '').f1,
  };
}

/** The next row, in a circle, that was read in another document; the next one if all are of one document. */
function otherDocument(rows: readonly ExplainedRow[], index: number): ExplainedRow {
  const { row } = rows[index] as ExplainedRow;
  const circle = [...rows.slice(index + 1), ...rows.slice(0, index + 1)];
  return circle.find((candidate) => candidate.row.documentId !== row.documentId) ?? (circle[0] as ExplainedRow);
}
