import { tf } from '@nlakit/ops';
import type { Variable } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Gemma4Model } from './gemma4-model.js';
import { floats, maxDifference, readGolden, relativeDifference, type GoldenTensor } from './testing/golden.js';
import { goldenIds, logitsOf, lossOf, sequence, tinyModel } from './testing/tiny-model.js';

interface BatchCase {
  ids: number[][];
  attention_mask: number[][];
  logits_row0: GoldenTensor;
  logits_row1_real_positions_only: GoldenTensor;
  loss_mean_over_all_labels: number;
  gradients: Record<string, GoldenTensor>;
}
const golden = readGolden<{ cases: Record<'left' | 'right', BatchCase> }>('batch.json');
const vocabulary = 97;
let model: Gemma4Model;

beforeAll(async () => {
  await tf.setBackend('cpu');
  model = await tinyModel({ trainable: true });
});
afterAll(() => model.dispose());

describe.each(['left', 'right'] as const)('a batch padded on the %s', (side) => {
  const expected = golden.cases[side];
  const length = goldenIds.length;
  const input = { tokens: Int32Array.from(expected.ids.flat()), batch: 2, length, mask: Uint8Array.from(expected.attention_mask.flat()) };

  it('gives the logits of transformers, and no NaN at padding', () => {
    const logits = logitsOf(model, input);
    expect(logits.every(Number.isFinite)).toBe(true);
    const first = length + (side === 'left' ? 4 : 0);
    expect(maxDifference(logits.subarray(0, length * vocabulary), floats(expected.logits_row0))).toBeLessThan(3e-4);
    const real = logits.subarray(first * vocabulary, (first + 6) * vocabulary);
    expect(maxDifference(real, floats(expected.logits_row1_real_positions_only))).toBeLessThan(3e-4);
  });

  it('gives its loss and gradients', () => {
    const parameters = model.parameters?.() ?? new Map();
    const names = Object.keys(expected.gradients);
    const { value, grads } = tf.variableGrads(
      () => lossOf(model, input),
      names.map((name) => parameters.get(name) as Variable),
    );
    expect(Math.abs((value.dataSync()[0] ?? NaN) - expected.loss_mean_over_all_labels)).toBeLessThan(2e-5);
    for (const name of names) {
      const gradient = grads[(parameters.get(name) as Variable).name]?.dataSync() ?? [];
      expect(relativeDifference(gradient, floats(expected.gradients[name] as GoldenTensor)), name).toBeLessThan(1e-3);
    }
    tf.dispose([value, ...Object.values(grads)]);
  });
});

it('a row does not depend on how much padding stands before it', () => {
  const alone = logitsOf(model, sequence);
  const padding = 7;
  const length = goldenIds.length + padding;
  const tokens = new Int32Array(length);
  tokens.set(goldenIds, padding);
  const mask = Uint8Array.from({ length }, (_, column) => (column < padding ? 0 : 1));
  const padded = logitsOf(model, { tokens, batch: 1, length, mask }).subarray(padding * vocabulary);
  expect(maxDifference(padded, alone)).toBeLessThan(1e-4);
});
