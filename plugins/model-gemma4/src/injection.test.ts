import { tf } from '@nlakit/ops';
import type { Tensor1D } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Gemma4Model } from './gemma4-model.js';
import { floats, maxDifference, readGolden, relativeDifference, type GoldenTensor } from './testing/golden.js';
import { logitsOf, lossOf, sequence, tinyModel } from './testing/tiny-model.js';

interface InjectionCase {
  logits: GoldenTensor;
  loss: number;
  dloss_dvector: GoldenTensor;
}
const golden = readGolden<{ position: number; vector: GoldenTensor; pad: InjectionCase; token: InjectionCase }>('injection.json');
const vector = floats(golden.vector);
const { position } = golden;
let model: Gemma4Model;

beforeAll(async () => {
  await tf.setBackend('cpu');
  model = await tinyModel();
});
afterAll(() => model.dispose());

describe.each([
  { perLayerIds: 'pad', expected: golden.pad },
  { perLayerIds: 'marker', expected: golden.token },
] as const)('a vector in place of an embedding, per-layer row of the $perLayerIds', ({ perLayerIds, expected }) => {
  it('gives the logits and loss of transformers', () => {
    const input = { ...sequence, perLayerIds, overrides: [{ row: 0, position, vector }] };
    expect(maxDifference(logitsOf(model, input), floats(expected.logits))).toBeLessThan(3e-4);
    const loss = lossOf(model, input);
    expect(Math.abs((loss.dataSync()[0] ?? NaN) - expected.loss)).toBeLessThan(2e-5);
    loss.dispose();
  });

  it('is differentiable in the vector', () => {
    const before = tf.memory().numTensors;
    const v = tf.tensor1d(vector);
    const gradient = tf.grad((x) => lossOf(model, { ...sequence, perLayerIds, overrides: [{ row: 0, position, vector: x as Tensor1D }] }))(
      v,
    );
    expect(relativeDifference(gradient.dataSync(), floats(expected.dloss_dvector))).toBeLessThan(1e-3);
    tf.dispose([v, gradient]);
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('overrides', () => {
  it('change nothing when they repeat the embedding itself', async () => {
    const row = await model.embed(Int32Array.of(96));
    const input = { ...sequence, overrides: [{ row: 0, position, vector: row }] };
    expect(logitsOf(model, input)).toEqual(logitsOf(model, sequence));
  });

  it('are refused outside the batch, twice at one place, or with another width', () => {
    const at = (row: number, column: number, width = 64) => ({ row, position: column, vector: new Float32Array(width) });
    for (const overrides of [[at(1, 0)], [at(0, 10)], [at(0, 3), at(0, 3)], [at(0, 3, 63)]]) {
      expect(() => model.forward({ ...sequence, overrides })).toThrow(expect.objectContaining({ code: 'E_FORWARD_INPUT' }));
    }
  });
});
