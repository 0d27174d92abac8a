import type { EvaluateContext, JsonValue, NlaRow } from '@nlakit/core';
import type { Explanation } from '../verbalizer.js';
import type { EvaluationParts } from './with-evaluation.js';

/** How AV and AR are run. Decoding is greedy. */
export interface ExplainRowsOptions {
  readonly maxNewTokens: number;
  /** Vectors, or texts, in one forward pass. */
  readonly batch: number;
}

/** A row with what the AV wrote about its vector. */
export interface ExplainedRow {
  readonly row: NlaRow;
  readonly output: Explanation;
  /** The explanation; empty where the output holds none, so that such rows stay in n. */
  readonly explanation: string;
}

type Reporting = Pick<EvaluateContext, 'signal' | 'log'>;

/** The AV's greedy explanation of every row's vector. */
export async function explainRows(
  { rows, verbalizer }: Pick<EvaluationParts, 'rows'> & { readonly verbalizer: Pick<EvaluationParts['verbalizer'], 'explain'> },
  options: ExplainRowsOptions,
  { signal, log }: Reporting,
): Promise<ExplainedRow[]> {
  const outputs = await verbalizer.explain(
    rows.map(({ vector }) => vector),
    {
      ...options,
      signal,
      onProgress: (done, total) => {
        log.progress({ task: 'explain', done, total, unit: 'vectors' });
      },
    },
  );
  return rows.map((row, index) => {
    const output = outputs[index];
    if (output === undefined) throw new Error(`The verbalizer gave no result for row ${row.id}.`);
    return { row, output, explanation: output.explanation ?? '' };
  });
}

/** The AR's prediction from every text, `[dModel]` each; equal texts are read once. */
export async function reconstructTexts(
  { reconstructor }: { readonly reconstructor: Pick<EvaluationParts['reconstructor'], 'reconstruct'> },
  texts: Iterable<string>,
  { batch }: Pick<ExplainRowsOptions, 'batch'>,
  { signal, log }: Reporting,
): Promise<(text: string) => Float32Array> {
  const unique = [...new Set(texts)];
  const vectors = await reconstructor.reconstruct(unique, {
    batch,
    signal,
    onProgress: (done, total) => {
      log.progress({ task: 'reconstruct', done, total, unit: 'texts' });
    },
  });
  const byText = new Map(unique.map((text, index) => [text, vectors[index]]));
  return (text) => {
    const vector = byText.get(text);
    if (vector === undefined) throw new Error(`The text ${JSON.stringify(text)} was not reconstructed.`);
    return vector;
  };
}

/** What every evaluator stores of a row: texts in full. */
export function storedExplanation({ row, output }: ExplainedRow): Readonly<Record<string, JsonValue>> {
  return {
    id: row.id,
    documentId: row.documentId,
    text: row.text ?? null,
    token: row.token ?? null,
    rawTokens: row.rawTokens,
    gold: row.explanation ?? null,
    fields: row.fields ?? null,
    output: output.text,
    explanation: output.explanation,
    tokens: output.tokens.length,
    stopped: output.stopped,
  };
}
