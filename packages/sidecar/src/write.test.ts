import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contractDifferences, contractFields, contractOf, parseSidecar, writeDatasetSidecar, writeModelSidecar } from './index.js';
import type { DatasetSidecarFields, ModelSidecarFields } from './index.js';

const text = fc.string({ unit: 'binary', maxLength: 40 });
const word = fc.stringMatching(/^[a-zA-Z0-9_/.-]{1,20}$/);
const finite = fc.double({ noNaN: true, noDefaultInfinity: true });
const json = fc.dictionary(
  word,
  fc.oneof(text, finite, fc.boolean(), fc.constant(null), fc.array(fc.oneof(finite, text), { maxLength: 3 })),
  { maxKeys: 4 },
);
const orNull = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: null });
const scale = orNull(fc.double({ min: 1e-9, max: 1e9, noNaN: true }));
const id = fc.nat(300000);
const hash = fc.stringMatching(/^[0-9a-f]{64}$/);
const extensions = fc.dictionary(
  word.map((key) => `x_${key}`),
  fc.oneof(text, finite),
  { maxKeys: 2 },
);
const tokens = fc.record({
  injectionChar: orNull(fc.constantFrom('㊗', '㈎', 'x')),
  injectionTokenId: id,
  leftNeighborId: id,
  rightNeighborId: id,
  criticSuffixIds: orNull(fc.array(id, { maxLength: 4 })),
});
const filled = (placeholder: string) =>
  fc.tuple(text, text).map(([before, after]) => `${before.replaceAll('{', '')}${placeholder}${after.replaceAll('{', '')}`);
const templates = fc.record({ av: orNull(filled('{injection_char}')), ar: orNull(filled('{explanation}')), avChat: fc.boolean() });
const createdBy = text.map((value) => `nlakit ${value}`);
const perLayerIds = fc.constantFrom('marker' as const, 'pad' as const);

const modelFields: fc.Arbitrary<ModelSidecarFields> = fc.record({
  role: fc.constantFrom('av' as const, 'ar' as const),
  stage: orNull(text),
  baseModel: text,
  dModel: fc.integer({ min: 1, max: 10000 }),
  layer: orNull(fc.nat(100)),
  truncation: orNull(fc.integer({ min: 1, max: 100 })),
  injectionScale: scale,
  mseScale: scale,
  perLayerIds,
  tokens,
  templates,
  step: orNull(fc.nat(1000)),
  trainedOn: fc.array(text, { maxLength: 2 }),
  parentCheckpoints: fc.array(text, { maxLength: 2 }),
  createdAt: orNull(fc.constantFrom('2026-11-22T10:00:00.000Z', '2026-11-22')),
  createdBy,
  gitCommit: orNull(fc.stringMatching(/^[0-9a-f]{7}$/)),
  adapter: orNull(json),
  training: orNull(json),
  trainingData: orNull(json),
  evalProvenance: orNull(json),
  baselines: orNull(fc.record({ rho: finite, rawvar: finite, meannorm: finite, n: id, sourceHash: orNull(hash) })),
  metrics: orNull(json),
  evaluations: orNull(json),
  retraction: orNull(fc.record({ reason: text, at: text })),
  guard: orNull(
    fc.record({
      verdict: fc.constantFrom('accepted' as const, 'acknowledge' as const, 'refused' as const),
      activationRatio: orNull(finite),
      embeddingRatio: orNull(finite),
      medianActivationNorm: finite,
      medianEmbeddingNorm: finite,
      reasons: fc.array(text, { maxLength: 3 }),
      override: fc.boolean(),
    }),
  ),
  contentHash: orNull(fc.dictionary(word, hash, { maxKeys: 3 })),
  extensions,
});

const datasetFields: fc.Arbitrary<DatasetSidecarFields> = fc.record({
  datasetId: text,
  stage: fc.constantFrom('av_sft', 'ar_sft', 'held_out', 'rl'),
  rowCount: id,
  baseModel: text,
  dModel: fc.integer({ min: 1, max: 10000 }),
  layer: fc.nat(100),
  norm: fc.constantFrom('none', 'unit'),
  corpus: orNull(text),
  corpusSlice: orNull(fc.record({ start: id, length: id })),
  positionsPerDoc: orNull(fc.integer({ min: 1, max: 20 })),
  tokens,
  templates,
  injectionScale: scale,
  mseScale: scale,
  perLayerIds,
  apiSummaries: orNull(json),
  labels: orNull(json),
  activationNorms: orNull(json),
  parentDatasets: fc.array(text, { maxLength: 2 }),
  createdAt: orNull(fc.constant('2026-11-22T10:00:00.000Z')),
  createdBy,
  gitCommit: orNull(fc.stringMatching(/^[0-9a-f]{7}$/)),
  contentHash: orNull(fc.dictionary(word, hash, { maxKeys: 2 })),
  extensions,
});

/** JSON knows neither -0 nor prototype-less objects, and neither does a sidecar. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

describe('what is written is read back', () => {
  it('model sidecars', () => {
    fc.assert(
      fc.property(modelFields, (fields) => {
        const read = parseSidecar(writeModelSidecar(fields), 'f');
        expect(plain(read)).toEqual(plain({ ...fields, kind: 'nla_model', dialect: 'nlakit', schemaVersion: 2 }));
      }),
      { numRuns: 300 },
    );
  });

  it('dataset sidecars', () => {
    fc.assert(
      fc.property(datasetFields, (fields) => {
        const read = parseSidecar(writeDatasetSidecar(fields), 'f');
        expect(plain(read)).toEqual(plain({ ...fields, kind: 'nla_dataset', dialect: 'nlakit', schemaVersion: 1 }));
      }),
      { numRuns: 300 },
    );
  });
});

describe('writing', () => {
  const contract = {
    baseModel: '@nlakit/tiny-gemma4',
    dModel: 128,
    layer: 5,
    injectionScale: Math.sqrt(128),
    mseScale: Math.sqrt(128),
    tokens: { injectionChar: '㊗', injectionTokenId: 4095, leftNeighborId: 4091, rightNeighborId: 4092, criticSuffixIds: [4094, 4091] },
    templates: { av: '<concept>{injection_char}</concept>', ar: '<explanation>{explanation}</explanation><concept>', avChat: false },
    perLayerIds: 'marker' as const,
  };

  it('a contract goes through a sidecar unchanged', () => {
    const sidecar = parseSidecar(writeModelSidecar({ ...contractFields(contract), role: 'av', training: { learning_rate: 1e-7 } }), 'f');
    expect(contractOf(sidecar)).toEqual(contract);
    expect(contractDifferences(contractOf(sidecar), contract)).toEqual([]);
  });

  it('writes numbers and texts so that YAML 1.1 readers agree', () => {
    const yaml = writeModelSidecar({
      ...contractFields(contract),
      role: 'av',
      training: { rate: 1e-7, big: 1e21, answer: 'yes', time: '12:30:00' },
    });
    expect(yaml).toContain('rate: 1.0e-7');
    expect(yaml).toContain('big: 1.0e+21');
    expect(yaml).toMatch(/answer: ["']yes["']/);
    expect(yaml).toMatch(/time: ["']12:30:00["']/);
  });

  it('refuses extensions without x_ and templates without placeholder', () => {
    expect(() => writeModelSidecar({ ...contractFields(contract), role: 'av', extensions: { note: 1 } })).toThrow(/x_/);
    expect(() =>
      writeModelSidecar({ ...contractFields(contract), role: 'av', templates: { av: 'no slot', ar: null, avChat: false } }),
    ).toThrow(/once/);
  });

  it('names the fields in which contracts differ', () => {
    const other = { ...contract, layer: 4, injectionScale: null, tokens: { ...contract.tokens, leftNeighborId: 1 } };
    expect(contractDifferences(contract, other)).toEqual(['layer', 'tokens.leftNeighborId']);
    expect(contractDifferences(contract, { ...contract, injectionScale: 5 })).toEqual(['injectionScale']);
  });
});
