import '@tensorflow/tfjs-backend-cpu';
import { blockOutput } from '@nlakit/core';
import { tf } from '@nlakit/ops';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { fakeModel } from './__fixtures__/fake-model.js';
import { batchesByLength } from './batches-by-length.js';
import { readActivations, type ReadActivationsOptions, type TextToRead } from './read-activations.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const texts: readonly TextToRead[] = [
  { tokens: Int32Array.of(2, 9, 10, 11, 12), positions: [4, 1] },
  { tokens: Int32Array.of(2, 12), positions: [1] },
  { tokens: Int32Array.of(2, 9, 13), positions: [] },
  { tokens: Int32Array.of(2, 10, 9), positions: [0, 1, 2] },
];

async function read(model: ReturnType<typeof fakeModel>, options: ReadActivationsOptions) {
  const found = new Map<number, ReadonlyMap<number, Float32Array>>();
  for await (const batch of readActivations(model, texts, options)) for (const { index, vectors } of batch) found.set(index, vectors);
  return found;
}

describe('readActivations', () => {
  it('reads every layer at every position as passes of one text do, and leaves no tensor', async () => {
    const model = fakeModel();
    const before = tf.memory().numTensors;
    const found = await read(model, { layers: [0, 2] });
    expect(tf.memory().numTensors).toBe(before);
    expect([...found.keys()].sort()).toEqual([0, 1, 3]);
    for (const [index, { tokens, positions }] of texts.entries()) {
      if (positions.length === 0) continue;
      const { hidden } = model.forward({ tokens, batch: 1, length: tokens.length, capture: [blockOutput(0), blockOutput(2)] });
      for (const layer of [0, 2]) {
        const [rows] = (await hidden[blockOutput(layer)]?.array()) ?? [];
        const wanted = positions.flatMap((position) => rows?.[position] ?? []);
        const vectors = found.get(index)?.get(layer) ?? new Float32Array();
        expect(vectors.length).toBe(wanted.length);
        vectors.forEach((value, at) => expect(value).toBeCloseTo(wanted[at] ?? Number.NaN, 5));
      }
    }
  });

  it('computes nothing behind the last block that is wanted', async () => {
    const model = fakeModel();
    await read(model, { layers: [1, 0] });
    expect(model.calls.map(({ stopAfterBlock, final }) => ({ stopAfterBlock, final }))).toEqual([{ stopAfterBlock: 1, final: false }]);
  });

  it('keeps batches within their size', async () => {
    const model = fakeModel();
    await read(model, { layers: [0], batchTokens: 6 });
    expect(model.calls.map(({ batch, length }) => [batch, length])).toEqual([
      [2, 3],
      [1, 5],
    ]);
  });

  it('refuses layers and positions that are not there, and stops when told to', async () => {
    const model = fakeModel();
    await expect(read(model, { layers: [3] })).rejects.toMatchObject({ code: 'E_LAYER' });
    await expect(read(model, { layers: [] })).rejects.toMatchObject({ code: 'E_LAYER' });
    const outside = readActivations(model, [{ tokens: Int32Array.of(2, 9), positions: [2] }], { layers: [0] });
    await expect(outside.next()).rejects.toMatchObject({ code: 'E_POSITION' });
    await expect(read(model, { layers: [0], signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
    expect(model.calls).toHaveLength(0);
  });

  it('refuses activations that are not finite', async () => {
    const model = fakeModel();
    const broken = {
      ...model,
      forward: (input: Parameters<typeof model.forward>[0]) => {
        const { hidden } = model.forward(input);
        return { hidden: Object.fromEntries(Object.entries(hidden).map(([name, value]) => [name, tf.div(value, 0)])) };
      },
    };
    await expect(read(broken, { layers: [0] })).rejects.toMatchObject({ code: 'E_ACTIVATION' });
  });
});

describe('batchesByLength', () => {
  it('holds every text once, and no batch but of one text is too large', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 60 }), fc.integer({ min: 1, max: 120 }), (lengths, most) => {
        const batches = batchesByLength(lengths, most);
        expect(batches.flat().sort((one, other) => one - other)).toEqual(lengths.map((_, index) => index));
        for (const batch of batches) {
          const longest = Math.max(...batch.map((index) => lengths[index] ?? 0));
          expect(batch.length === 1 || batch.length * longest <= most).toBe(true);
        }
      }),
      { numRuns: 100 },
    );
  });
});
