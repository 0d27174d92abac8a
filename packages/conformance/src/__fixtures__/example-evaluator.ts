import { definePlugin, type Evaluation, type JsonValue } from '@nlakit/core';
import { withEvaluation } from '../../../nla/src/evaluation/index.js';
import { noOptions } from './toy-plugins.js';

const identity = { name: 'evaluator-example', version: '1.0.0' };

/** How well texts bring vectors back: small, and right. */
export const exampleEvaluator = definePlugin<'evaluator', object>({
  kind: 'evaluator',
  ...identity,
  optionsSchema: noOptions,
  create: () => ({
    name: identity.name,
    evaluate: (context) =>
      withEvaluation(context, { rows: 8, seedName: identity.name }, async ({ rows, verbalizer, reconstructor, step, warnings, provenance }): Promise<Evaluation> => {
        const { signal } = context;
        const outputs = await verbalizer.explain(
          rows.map(({ vector }) => vector),
          { maxNewTokens: 12, signal },
        );
        const texts = outputs.map(({ explanation }) => explanation ?? '');
        const vectors = await reconstructor.reconstruct(texts, { signal });
        const stored = rows.map(
          ({ id, text, vector }, at): Readonly<Record<string, JsonValue>> => ({
            id,
            text: text ?? null,
            explanation: texts[at] ?? '',
            cosine: cosineOf(vector, vectors[at] ?? []),
          }),
        );
        const mean = meanCosine(stored);
        return { evaluator: identity.name, version: identity.version, step, rows: stored, summary: { mean }, headline: { mean }, provenance, warnings };
      }),
  }),
});

/** The one figure of its summary, from the rows. */
export function meanCosine(rows: Evaluation['rows']): number {
  return rows.reduce((sum, row) => sum + Number(row['cosine']), 0) / rows.length;
}

function cosineOf(one: ArrayLike<number>, other: ArrayLike<number>): number {
  let [dot, left, right] = [0, 0, 0];
  for (let at = 0; at < one.length; at += 1) {
    dot += (one[at] ?? 0) * (other[at] ?? 0);
    left += (one[at] ?? 0) ** 2;
    right += (other[at] ?? 0) ** 2;
  }
  return dot / Math.sqrt(left * right);
}
