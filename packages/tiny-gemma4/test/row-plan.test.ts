import { createSeedStreams } from '@nlakit/run';
import { expect, it } from 'vitest';
import { initialWeights } from '../recipe/initial-weights.js';
import { learningRate } from '../recipe/learning-rate.js';
import { parameterLayout } from '../recipe/parameter-layout.js';
import { planRows } from '../recipe/row-plan.js';

it('plans every stream by its share, each row once per pass', () => {
  const streams = [
    { rows: 30, share: 0.6 },
    { rows: 50, share: 0.4 },
  ];
  const plan = planRows(streams, 100, createSeedStreams(1).stream('rows'));
  const of = (stream: number) => plan.filter((entry) => entry.stream === stream).map((entry) => entry.row);
  expect([of(0).length, of(1).length]).toEqual([60, 40]);
  expect(new Set(of(1)).size).toBe(40);
  expect(new Set(of(0).slice(0, 30)).size).toBe(30);
  expect(new Set(of(0).slice(30)).size).toBe(30);
  expect(of(0).slice(0, 30)).not.toEqual(of(0).slice(30));
  expect(planRows(streams, 100, createSeedStreams(1).stream('rows'))).toEqual(plan);
  expect(planRows(streams, 100, createSeedStreams(2).stream('rows'))).not.toEqual(plan);
});

it('raises, holds and lowers the learning rate', () => {
  const at = (step: number) => learningRate(step, { largest: 2, warmup: 10, flatUntil: 0.3, finalFraction: 0.1, steps: 100 });
  expect([at(1), at(5), at(10), at(30), at(65), at(100), at(120)]).toEqual(
    [0.2, 1, 2, 2, 1.1, 0.2, 0.2].map((rate) => expect.closeTo(rate, 12)),
  );
});

it('lays parameters out one after another', () => {
  const layout = parameterLayout(
    new Map([
      ['a', [2, 3]],
      ['b', [4]],
    ] as const),
  );
  const flat = Float32Array.from({ length: layout.length }, (_, index) => index);
  expect(layout.length).toBe(10);
  expect(layout.views(flat).get('b')).toEqual(Float32Array.of(6, 7, 8, 9));
  expect(layout.views(flat).get('a')?.buffer).toBe(flat.buffer);
});

it('draws initial weights of the right size', () => {
  const shapes = new Map<string, readonly number[]>([
    ['model.language_model.embed_tokens.weight', [4096, 128]],
    ['model.language_model.embed_tokens_per_layer.weight', [4096, 128]],
    ['model.language_model.layers.2.mlp.down_proj.weight', [128, 384]],
    ['model.language_model.layers.2.layer_scalar', [1]],
    ['model.language_model.norm.weight', [128]],
  ]);
  const weights = [...initialWeights(shapes, 16, createSeedStreams(1).stream('weights')).values()];
  const deviation = (values: Float32Array) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
  expect(weights.slice(0, 3).map(deviation)).toEqual([0.0884, 0.125, 0.0306].map((size) => expect.closeTo(size, 3)));
  expect(weights[3]?.[0]).toBeCloseTo(0.9, 6);
  expect(weights[4]?.every((value) => value === 1)).toBe(true);
});
