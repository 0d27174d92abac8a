import { isNlaError } from '@nlakit/core';
import type { Summary, TokenContract } from '@nlakit/core';
import { describe, expect, it } from 'vitest';
import { createEmbeddingInjector, optionsSchema, plugin } from './index.js';

const contract: TokenContract = { injectionChar: '㊗', injectionTokenId: 9, leftNeighborId: 7, rightNeighborId: 8, criticSuffixIds: null };
const injector = createEmbeddingInjector(optionsSchema.parse({}));

function norms(median: number, spread = 0.1): Summary {
  return { count: 100, mean: median, median, minimum: median * 0.5, maximum: median * 2, standardDeviation: median * spread };
}

describe('locate', () => {
  it('finds the one slot of every row', () => {
    const tokens = Int32Array.from([2, 7, 9, 8, 1, 2, 3, 7, 9, 8]);
    expect(injector.locate(tokens, 2, contract)).toEqual([
      { row: 0, position: 2 },
      { row: 1, position: 3 },
    ]);
  });

  it.each([
    ['no marker', [2, 7, 3, 8, 1]],
    ['two slots', [7, 9, 8, 7, 9, 8]],
    ['a slot and a stray marker', [7, 9, 8, 9, 1]],
    ['wrong left neighbour', [2, 6, 9, 8, 1]],
    ['wrong right neighbour', [2, 7, 9, 6, 1]],
    ['marker at the left edge', [9, 8, 1]],
    ['marker at the right edge', [2, 7, 9]],
  ])('refuses a row with %s and says what it saw', (_, row) => {
    const length = row.length;
    const good = [7, 9, 8, ...Array.from({ length: Math.max(0, length - 3) }, () => 1)].slice(0, length);
    try {
      injector.locate(Int32Array.from([...good, ...row]), 2, contract);
      expect.unreachable();
    } catch (error) {
      expect(isNlaError(error) && error.code).toBe('E_INJECTION_SLOT');
      expect(String(error)).toContain('Row 1');
    }
  });

  it('refuses a ragged batch', () => {
    expect(() => injector.locate(new Int32Array(5), 2, contract)).toThrow(/equal length/);
  });
});

describe('apply', () => {
  it('brings vectors to the scale and keeps their direction', () => {
    const [first, second] = injector.apply(
      [
        { row: 0, position: 2 },
        { row: 1, position: 3 },
      ],
      Float32Array.from([3, 4, 0, 0, 0, -2]),
      10,
    );
    expect(Array.from(first?.vector as Float32Array)).toEqual([6, 8, 0]);
    expect(Array.from(second?.vector as Float32Array)).toEqual([0, 0, -10]);
  });

  it('keeps zero at zero, and everything as it is without a scale', () => {
    const slot = [{ row: 0, position: 1 }];
    expect(Array.from(injector.apply(slot, new Float32Array(3), 10)[0]?.vector as Float32Array)).toEqual([0, 0, 0]);
    expect(Array.from(injector.apply(slot, Float32Array.from([3, 4]), null)[0]?.vector as Float32Array)).toEqual([3, 4]);
  });

  it('does not hand out the caller’s buffer', () => {
    const vectors = Float32Array.from([3, 4]);
    const [override] = injector.apply([{ row: 0, position: 1 }], vectors, null);
    vectors[0] = 99;
    expect((override?.vector as Float32Array)[0]).toBe(3);
  });

  it.each([NaN, Infinity, -Infinity])('refuses %s', (value) => {
    expect(() => injector.apply([{ row: 0, position: 1 }], Float32Array.from([1, value]), 1)).toThrow(/cannot be injected/);
  });

  it('refuses vectors that do not go with the slots', () => {
    expect(() =>
      injector.apply(
        [
          { row: 0, position: 1 },
          { row: 1, position: 1 },
        ],
        new Float32Array(3),
        1,
      ),
    ).toThrow(/one vector/);
  });
});

describe('guard', () => {
  // Scales and activation norms as published; embedding norms as far as known (Gemma multiplies by √d, the others do not).
  it.each([
    ['Qwen2.5-7B layer 20', 150, 125, 0.9, 'acknowledge'],
    ['Gemma-3-12B layer 32', 80000, 74000, 62, 'acknowledge'],
    ['Gemma-3-27B layer 41', 60000, 67000, 73, 'acknowledge'],
    ['Llama-3.3-70B layer 53', 30, 16, 1.2, 'acknowledge'],
    ['Llama with embeddings of norm 12', 30, 16, 12, 'accepted'],
    ['Gemma-4-E2B layer 23, √d', 39.19, 60, 39.25, 'accepted'],
    ['Gemma-4-E2B layer 23, √d, long activations', 39.19, 400, 39.25, 'acknowledge'],
    ['Gemma-4-E2B with 20000', 20000, 60, 39.25, 'refused'],
    ['Gemma-4-E2B with 80000', 80000, 400, 39.25, 'refused'],
    ['the tiny model of the prototype', 11.31, 36.6, 15.9, 'acknowledge'],
    ['lower bound', 50, 100, 100, 'accepted'],
    ['upper bound', 300, 100, 100, 'accepted'],
    ['just below', 49.9, 100, 100, 'refused'],
    ['just above', 300.1, 100, 100, 'refused'],
  ] as const)('%s: scale %d, activations %d, embeddings %d is %s', (_, scale, activation, embedding, verdict) => {
    const report = injector.guard({ activationNorms: norms(activation), embeddingNorms: norms(embedding) }, scale);
    expect(report.verdict).toBe(verdict);
    expect(report.activationRatio).toBeCloseTo(scale / activation, 10);
    expect(report.embeddingRatio).toBeCloseTo(scale / embedding, 10);
    expect(report.reasons.length).toBeGreaterThanOrEqual(2);
  });

  it('detects pre-normalised vectors and lets the embedding ratio decide', () => {
    const stats = (embedding: number) => ({ activationNorms: norms(1, 1e-7), embeddingNorms: norms(embedding) });
    const good = injector.guard(stats(39.25), 39.19);
    expect(good).toMatchObject({ verdict: 'accepted', activationRatio: null });
    expect(good.reasons.join(' ')).toContain('normalised');
    expect(injector.guard(stats(39.25), 20000).verdict).toBe('refused');
  });

  it('judges unscaled vectors by their own norm', () => {
    const report = injector.guard({ activationNorms: norms(400), embeddingNorms: norms(39) }, null);
    expect(report).toMatchObject({ verdict: 'refused', activationRatio: null });
    expect(injector.guard({ activationNorms: norms(60), embeddingNorms: norms(39) }, null).verdict).toBe('accepted');
  });

  it('refuses what half precision cannot hold', () => {
    const half = createEmbeddingInjector(optionsSchema.parse({ computeDtype: 'f16' }));
    const stats = { activationNorms: norms(74000), embeddingNorms: norms(74000) };
    expect(half.guard(stats, 80000).verdict).toBe('refused');
    expect(injector.guard(stats, 80000).verdict).toBe('accepted');
  });
});

describe('options', () => {
  it('resolve the scale grammar', () => {
    const scale = (value: unknown) => createEmbeddingInjector(optionsSchema.parse({ scale: value })).scale(1536);
    expect(scale('sqrt_d_model')).toBeCloseTo(39.191835884530846, 12);
    expect(scale('raw')).toBeNull();
    expect(scale(null)).toBeNull();
    expect(scale(150)).toBe(150);
  });

  it.each([0, -1, Infinity, 'sqrt', '39'])('refuse scale %s', (scale) => {
    expect(optionsSchema.safeParse({ scale }).success).toBe(false);
  });

  it('refuse unknown keys', () => {
    expect(optionsSchema.safeParse({ scal: 1 }).success).toBe(false);
  });
});

it('is a plugin of kind injector', () => {
  expect(plugin).toMatchObject({ kind: 'injector', name: '@nlakit/injector-embedding', specVersion: 'v1' });
});
