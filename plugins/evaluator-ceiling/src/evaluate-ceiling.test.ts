import type { EvaluateContext, NlaRow } from '@nlakit/core';
import { createSeedStreams } from '@nlakit/run';
import { expect, it, vi } from 'vitest';
import { evaluateCeiling, optionsSchema } from './index.js';

const kinds = ['even', 'odd'];
const makeRow = (index: number, documents: string): NlaRow => ({
  id: `${documents}${index}`,
  documentId: `${documents} ${index}`,
  vector: Float32Array.of(index % 2, 1 - (index % 2), 0.1 + 0.01 * index),
  text: 'long text '.repeat(100),
  rawTokens: 4,
  fields: { kind: kinds[index % 2] ?? '' },
});
const rows = Array.from({ length: 40 }, (_, index) => makeRow(index, 'held'));
const asked = vi.hoisted((): { splits: string[] } => ({ splits: [] }));

vi.mock('@nlakit/nla/evaluation', async (original) => ({
  ...(await original<object>()),
  withEvaluation: (_context: unknown, _options: unknown, work: (parts: unknown) => unknown) =>
    work({
      rows,
      verbalizer: {
        explain: (vectors: readonly Float32Array[]) =>
          Promise.resolve(
            vectors.map((vector) => ({ text: 't', explanation: kinds[vector[0] ?? 0], tokens: new Int32Array(2), stopped: true })),
          ),
      },
      reconstructor: {
        reconstruct: (texts: readonly string[]) =>
          Promise.resolve(texts.map((text) => Float32Array.of(kinds.indexOf(text), 1 - kinds.indexOf(text), 0.2))),
      },
      step: 50,
      warnings: [],
      provenance: { seed: 3 },
    }),
}));

const context = {
  seeds: createSeedStreams(3),
  signal: new AbortController().signal,
  log: { progress: () => undefined },
  dataFolder: 'data',
  dataset: {
    open: (_folder: string, name: string) => {
      asked.splits.push(name);
      return Promise.resolve({
        name,
        length: 300,
        sha256: 'hash',
        rows: (indices: number[]) => Promise.resolve(indices.map((index) => makeRow(index, 'train'))),
      });
    },
  },
} as unknown as EvaluateContext;
const evaluate = (options: object) =>
  evaluateCeiling(context, optionsSchema.parse({ bootstrap: 100, permutations: 100, probeRows: 200, ...options }), {
    name: 'e',
    version: '1',
  });

it('fits on the training split, gives rows untruncated, a summary, and with what it was made', async () => {
  const evaluation = await evaluate({});
  expect(asked.splits).toEqual(['avSft']);
  expect(evaluation).toMatchObject({
    evaluator: 'e',
    step: 50,
    provenance: { seed: 3, probe: { training: { sha256: 'hash', rows: 200, ofRows: 300 }, folds: 5 } },
    summary: { n: 40, fields: { kind: { trainingRows: 200, transfer: { spaces: { RAW: { value: 1 }, AV_OUT: { value: 1 } } } } } },
    headline: { 'kind.raw': 1, 'kind.avOut': 1, 'kind.survives': 1 },
  });
  expect(evaluation.rows[7]?.['text']).toHaveLength(1000);
  expect(evaluation.warnings.map(({ code }) => code)).toEqual(['W_CEILING_FEW_ROWS']);
  expect(Object.values(evaluation.headline).every(Number.isFinite)).toBe(true);
  expect(JSON.parse(JSON.stringify(evaluation))).toEqual(evaluation);
});

it('says which field it could not decode', async () => {
  const { warnings, summary } = await evaluate({ fields: ['none'] });
  expect(summary['fields']).toEqual({});
  expect(warnings).toEqual([{ code: 'W_CEILING_FIELDS', message: expect.stringContaining('none') }]);
});
