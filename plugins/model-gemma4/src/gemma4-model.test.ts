import { blockOutput, type NamedTensors } from '@nlakit/core';
import { tf } from '@nlakit/ops';
import type { Scalar, Tensor, Variable } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Gemma4Model } from './gemma4-model.js';
import { floats, maxDifference, readGolden, relativeDifference, type GoldenTensor } from './testing/golden.js';
import { goldenIds, logitsOf, lossOf, sequence, tinyModel } from './testing/tiny-model.js';

interface TinyGolden {
  ids: number[];
  scaled_embeddings: GoldenTensor;
  pli: GoldenTensor;
  layer_outputs: GoldenTensor[];
  final_norm_output: GoldenTensor;
  logits: GoldenTensor;
  loss: number;
  nll: number[];
}

const golden = readGolden<TinyGolden>('gemma4-tiny.json');
let trainable: Gemma4Model;
let frozen: Gemma4Model;

beforeAll(async () => {
  await tf.setBackend('cpu');
  trainable = await tinyModel({ trainable: true });
  frozen = await tinyModel();
});

afterAll(() => {
  trainable.dispose();
  frozen.dispose();
});

describe('forward pass of the tiny model against transformers', () => {
  it('gives every block output, the final norm, logits and loss', () => {
    const before = tf.memory().numTensors;
    const capture = golden.layer_outputs.map((_, index) => blockOutput(index));
    const { final, hidden } = frozen.forward({ ...sequence, capture });
    golden.layer_outputs.forEach((expected, index) => {
      expect(maxDifference(hidden[blockOutput(index)]?.dataSync() ?? [], floats(expected)), `block ${index}`).toBeLessThan(3e-4);
    });
    expect(hidden[blockOutput(2)]?.shape).toEqual([1, goldenIds.length, 64]);
    expect(maxDifference(final?.dataSync() ?? [], floats(golden.final_norm_output))).toBeLessThan(3e-4);
    expect(maxDifference(logitsOf(frozen, sequence), floats(golden.logits))).toBeLessThan(3e-4);
    const loss = lossOf(frozen, sequence);
    expect(Math.abs(loss.dataSync()[0]! - golden.loss)).toBeLessThan(2e-5);
    tf.dispose([final, hidden, loss]);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('stops after a block and captures it', () => {
    const { final, hidden } = frozen.forward({ ...sequence, stopAfterBlock: 3, capture: ['blocks.3.hook_out'] });
    expect(final).toBeUndefined();
    expect(maxDifference(hidden['blocks.3.hook_out']?.dataSync() ?? [], floats(golden.layer_outputs[3]!))).toBeLessThan(3e-4);
    expect(() => frozen.forward({ ...sequence, stopAfterBlock: 3, capture: ['blocks.4.hook_out'] })).toThrow(/hook point/);
    tf.dispose(hidden);
  });

  it('is the segments run in order, bit for bit', () => {
    tf.tidy(() => {
      const segments = frozen.segments(sequence);
      expect(segments.map(({ name }) => name)).toEqual([
        'embedding',
        ...golden.layer_outputs.map((_, index) => `blocks.${index}`),
        'final',
      ]);
      let state: NamedTensors = {};
      for (const segment of segments) state = segment.run(state);
      expect(Object.keys(state)).toEqual(['final']);
      expect(state['final']?.dataSync()).toEqual(frozen.forward(sequence).final?.dataSync());
    });
  });
});

describe('gradients of the tiny model against transformers', () => {
  it('gives the gradient of every weight', () => {
    const expected = readGolden<{ gradients: Record<string, GoldenTensor>; l2_norms_of_all_gradients: Record<string, number> }>(
      'gradients.json',
    );
    const parameters = trainable.parameters?.() ?? new Map<string, Tensor>();
    const before = tf.memory().numTensors;
    const { value, grads } = tf.variableGrads(() => lossOf(trainable, sequence), [...parameters.values()] as Variable[]);
    expect(Math.abs(value.dataSync()[0]! - golden.loss)).toBeLessThan(2e-5);
    const gradientOf = (name: string): Float32Array => grads[(parameters.get(name) as Variable).name]?.dataSync() as Float32Array;
    for (const [name, gradient] of Object.entries(expected.gradients)) {
      expect(relativeDifference(gradientOf(name), floats(gradient)), name).toBeLessThan(1e-3);
    }
    for (const [name, norm] of Object.entries(expected.l2_norms_of_all_gradients)) {
      const actual = Math.hypot(...gradientOf(name));
      expect(Math.abs(actual / norm - 1), name).toBeLessThan(1e-3);
    }
    // Not in the golden file: transformers keeps the scalar as a buffer.
    expect(gradientOf('model.language_model.layers.3.layer_scalar')[0]).toBeCloseTo(0.130226, 4);
    tf.dispose([value, grads]);
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('segments', () => {
  it('give the gradients of the whole pass when each is differentiated on its own, donor keys and values too', () => {
    const names = ['layers.1.self_attn.k_proj', 'layers.2.self_attn.v_proj', 'layers.0.mlp.up_proj', 'per_layer_model_projection'];
    const parameters = trainable.parameters?.() ?? new Map<string, Tensor>();
    const variables = names.map((name) => parameters.get(`model.language_model.${name}.weight`) as Variable);
    tf.tidy(() => {
      const whole = tf.variableGrads(() => tf.sum(tf.square(trainable.forward(sequence).final ?? tf.scalar(0))), variables).grads;

      const segments = trainable.segments(sequence);
      const states: NamedTensors[] = [{}];
      for (const segment of segments) states.push(segment.run(states.at(-1) ?? {}));
      // Gradient of every entry of the current state, from the last one back.
      let upstream: Record<string, Tensor> = { final: tf.mul(states.at(-1)?.['final'] ?? tf.scalar(0), 2) };
      const sums = new Map(variables.map((variable) => [variable.name, tf.zerosLike(variable) as Tensor]));
      for (let index = segments.length - 1; index >= 0; index--) {
        const before = states[index] ?? {};
        const keys = Object.keys(before);
        const inputs = keys.map((key) => tf.variable(before[key] as Tensor));
        const product = () => {
          const after = segments[index]?.run(Object.fromEntries(keys.map((key, at) => [key, inputs[at] as Tensor]))) ?? {};
          const terms = Object.entries(upstream).map(([key, dy]) => tf.sum<Scalar>(tf.mul(after[key] as Tensor, dy)));
          return tf.addN(terms);
        };
        const { grads } = tf.variableGrads(product, [...inputs, ...variables]);
        upstream = Object.fromEntries(keys.map((key, at) => [key, grads[inputs[at]?.name ?? ''] ?? tf.zerosLike(before[key] as Tensor)]));
        for (const { name } of variables) if (grads[name]) sums.set(name, tf.add(sums.get(name) as Tensor, grads[name]));
        for (const input of inputs) input.dispose();
      }
      for (const [index, { name }] of variables.entries()) {
        expect(relativeDifference(sums.get(name)?.dataSync() ?? [], whole[name]?.dataSync() ?? [NaN]), names[index]).toBeLessThan(1e-5);
      }
    });
  });
});
