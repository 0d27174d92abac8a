import type { LoraAdapter, LoraPair } from '@nlakit/core';
import { tf } from '@nlakit/ops';
import { openSafetensors } from '@nlakit/safetensors';
import type { Tensor2D, Variable } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Gemma4Model } from './gemma4-model.js';
import { fixture, floats, maxDifference, readGolden, relativeDifference, type GoldenTensor } from './testing/golden.js';
import { logitsOf, lossOf, sequence, tinyModel } from './testing/tiny-model.js';

const golden = readGolden<{ logits: GoldenTensor; loss: number; gradients: Record<string, GoldenTensor> }>('lora.json');
const spec = { rank: 4, alpha: 8, dropout: 0, targets: '.*', rankStabilized: false };
const variables = new Map<string, Variable>();
let adapter: LoraAdapter;
let model: Gemma4Model;

beforeAll(async () => {
  await tf.setBackend('cpu');
  model = await tinyModel();
  const file = await openSafetensors(fixture('lora', 'adapter_model.safetensors'));
  for (const [name, { shape }] of file.tensors) variables.set(name, tf.variable(tf.tensor(await file.float32(name), [...shape])));
  await file.close();
  const pairs = new Map<string, LoraPair>();
  for (const name of variables.keys()) {
    const module = /^base_model\.model\.(.*)\.lora_A\.weight$/.exec(name)?.[1];
    if (module === undefined) continue;
    const matrix = (letter: string) => variables.get(`base_model.model.${module}.lora_${letter}.weight`) as unknown as Tensor2D;
    pairs.set(module, { a: matrix('A'), b: matrix('B') });
  }
  adapter = { spec, pairs };
});
afterAll(() => model.dispose());

describe('an adapter that PEFT wrote', () => {
  it('gives the logits, loss and all gradients of PEFT', () => {
    model.adapt(adapter);
    expect(maxDifference(logitsOf(model, sequence), floats(golden.logits))).toBeLessThan(3e-4);
    const before = tf.memory().numTensors;
    const { value, grads } = tf.variableGrads(() => lossOf(model, sequence), [...variables.values()]);
    expect(Math.abs((value.dataSync()[0] ?? NaN) - golden.loss)).toBeLessThan(2e-5);
    expect(Object.keys(golden.gradients)).toHaveLength(72);
    for (const [name, expected] of Object.entries(golden.gradients)) {
      const gradient = grads[variables.get(name)?.name ?? '']?.dataSync() ?? [];
      expect(relativeDifference(gradient, floats(expected)), name).toBeLessThan(1e-3);
    }
    tf.dispose([value, ...Object.values(grads)]);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('leaves the model as it was when it is detached', () => {
    model.adapt(null);
    const plain = logitsOf(model, sequence);
    model.adapt(adapter);
    expect(maxDifference(logitsOf(model, sequence), plain)).toBeGreaterThan(1);
    model.adapt(null);
    expect(logitsOf(model, sequence)).toEqual(plain);
  });

  it('scales by alpha / sqrt(rank) when rank-stabilised, and means the same linears under either prefix', () => {
    const renamed = new Map([...adapter.pairs].map(([name, pair]) => [name.replace('model.language_model.', 'model.'), pair]));
    // alpha 4 / sqrt(4) is alpha 8 / 4
    model.adapt({ spec: { ...spec, alpha: 4, rankStabilized: true }, pairs: renamed });
    expect(maxDifference(logitsOf(model, sequence), floats(golden.logits))).toBeLessThan(3e-4);
    model.adapt(null);
  });

  it('is refused for linears that do not exist or have another shape', () => {
    const [pair] = adapter.pairs.values();
    const wrong = (path: string) => () => model.adapt({ spec, pairs: new Map([[path, pair as LoraPair]]) });
    expect(wrong('model.language_model.layers.4.self_attn.k_proj')).toThrow(expect.objectContaining({ code: 'E_LORA_TARGET' }));
    expect(wrong('model.language_model.layers.3.mlp.down_proj')).toThrow(expect.objectContaining({ code: 'E_LORA_TARGET' }));
  });
});

it('a segment run twice draws the same dropout', () => {
  let calls = 0;
  const next = (): number => (calls = (calls * 16807 + 7) % 2147483647);
  const random = {
    uniform: () => next() / 2147483647,
    integer: (bound: number) => next() % bound,
    normal: () => 0,
    shuffle: <Item>(items: readonly Item[]) => [...items],
    state: () => ({ algorithm: 'test', words: [calls] }),
    restore: ({ words }: { words: readonly number[] }) => void (calls = words[0] ?? 0),
  };
  model.adapt({ ...adapter, spec: { ...spec, dropout: 0.3 } });
  tf.tidy(() => {
    const [embedding, block] = model.segments({ ...sequence, dropout: random });
    const state = embedding?.run({}) ?? {};
    const first = block?.run(state)['residual']?.dataSync();
    const after = random.state();
    expect(block?.run(state)['residual']?.dataSync()).toEqual(first);
    expect(random.state()).toEqual(after);
    const [, other] = model.segments({ ...sequence, dropout: random });
    expect(other?.run(state)['residual']?.dataSync()).not.toEqual(first);
  });
  model.adapt(null);
});
