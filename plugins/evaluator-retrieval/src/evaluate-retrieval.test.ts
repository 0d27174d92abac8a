import type { EvaluateContext, NlaRow } from '@nlakit/core';
import { constantBaselines } from '@nlakit/metrics';
import { createSeedStreams } from '@nlakit/run';
import { expect, it, vi } from 'vitest';
import { emptyTransform } from './built-in-transforms.js';
import { evaluateRetrieval, optionsSchema } from './index.js';

const say = vi.hoisted(() => ({ of: (index: number): string | null => `word ${index}` }));
const rows = Array.from({ length: 40 }, (_, index): NlaRow => ({
  id: `r${index}`,
  documentId: `d${index}`,
  vector: Float32Array.of(index, 40 - index, 1),
  text: `${'long text '.repeat(100)} word ${index}`,
  rawTokens: 4,
}));

vi.mock('@nlakit/nla/evaluation', async (original) => ({
  ...(await original<object>()),
  withEvaluation: (_context: unknown, _options: unknown, work: (parts: unknown) => unknown) =>
    work({
      rows,
      reference: { baselines: constantBaselines(rows.map(({ vector }) => vector)) },
      verbalizer: {
        explain: (vectors: readonly Float32Array[]) =>
          Promise.resolve(
            vectors.map((vector) => ({ text: 't', explanation: say.of(vector[0] ?? NaN), tokens: new Int32Array(2), stopped: true })),
          ),
      },
      reconstructor: {
        reconstruct: (texts: readonly string[]) =>
          Promise.resolve(texts.map((text) => Float32Array.of(Number(text.slice(5)), 40 - Number(text.slice(5)), 1))),
      },
      step: 50,
      warnings: [{ code: 'W_PART', message: '' }],
      provenance: { seed: 3 },
    }),
}));

const evaluate = () =>
  evaluateRetrieval(
    { seeds: createSeedStreams(3), signal: new AbortController().signal, log: { progress: () => undefined } } as unknown as EvaluateContext,
    optionsSchema.parse({ bootstrap: 100, permutations: 100 }),
    { transforms: [emptyTransform] },
    { name: 'e', version: '1' },
  );

it('gives rows untruncated, a summary, and with what it was made', async () => {
  const evaluation = await evaluate();
  expect(evaluation).toMatchObject({
    evaluator: 'e',
    version: '1',
    step: 50,
    provenance: { seed: 3, statistics: { permuted: 'documents' }, decoding: { method: 'greedy' } },
    summary: { n: 40, primary: 'text/words/full' },
    headline: { n: 40, vectorTop1: 1 },
  });
  expect(evaluation.rows).toHaveLength(40);
  expect(evaluation.rows[7]?.['text']).toBe(rows[7]?.text);
  expect(evaluation.warnings.map(({ code }) => code)).toEqual(['W_PART', 'W_RETRIEVAL_TARGET']);
  expect(Object.values(evaluation.headline).every(Number.isFinite)).toBe(true);
  expect(JSON.parse(JSON.stringify(evaluation))).toEqual(evaluation);
});

it('warns of collapse and of empty outputs', async () => {
  say.of = (index) => (index < 4 ? null : 'word 1');
  expect((await evaluate()).warnings.map(({ code }) => code)).toEqual([
    'W_PART',
    'W_RETRIEVAL_TARGET',
    'W_MODE_COLLAPSE',
    'W_EMPTY_OUTPUTS',
  ]);
});
