import '@tensorflow/tfjs-backend-cpu';
import { type ForwardInput, type ForwardOutput, type LoraAdapter, type Model, type NamedTensors, type Segment } from '@nlakit/core';
import { isWorthKeeping, tf } from '@nlakit/ops';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { goldenIds, rowsAt, sequence, tinyModel } from '../../../../plugins/model-gemma4/src/testing/tiny-model.js';
import { createSeedStreams } from '../../../run/src/seed-streams.js';
import { initialAdapter, trainedAdapter } from './initial-adapter.js';
import { lossAndGradients } from './loss-and-gradients.js';
import { resolveRecipe } from './sft-options.js';
import { createTrainable } from './trainable.js';

let model: Model;
beforeAll(async () => {
  await tf.setBackend('cpu');
});
afterEach(() => model.dispose());

/** Mean cross-entropy of every next token. */
function nextTokenLoss({ final }: ForwardOutput): tf.Scalar {
  const sources = Array.from({ length: goldenIds.length - 1 }, (_, at) => at);
  return tf.tidy(() => tf.mean(model.head.crossEntropy(rowsAt(final as tf.Tensor3D, sources), goldenIds.slice(1))));
}

/** Largest difference of any gradient, relative to the largest entry of the same tensor. */
function differences(one: ReadonlyMap<string, Float32Array>, other: ReadonlyMap<string, Float32Array>): Map<string, number> {
  return new Map(
    [...one].map(([name, values]) => {
      const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-12);
      const expected = other.get(name) ?? new Float32Array(values.length).fill(Number.NaN);
      return [name, values.reduce((most, value, at) => Math.max(most, Math.abs(value - (expected[at] ?? 0)) / largest), 0)];
    }),
  );
}

/** Keys and values of donors as constants: the fault of checkpointing that hides them from its inputs. */
function forgetful(segments: readonly Segment[]): Segment[] {
  return segments.map((segment) => ({
    name: segment.name,
    run(state) {
      const cut = (entries: NamedTensors): NamedTensors =>
        Object.fromEntries(
          Object.entries(entries).map(([name, tensor]) => [
            name,
            /\.(keys|values)$/.test(name) ? tf.tensor(tensor.dataSync(), tensor.shape) : tensor,
          ]),
        );
      return segment.run(cut(state));
    },
  }));
}

const donors = ['layers.1.self_attn.k_proj', 'layers.1.self_attn.v_proj', 'layers.2.self_attn.k_proj', 'layers.2.self_attn.v_proj'];

describe('segmentGradients', () => {
  it('equals the gradients of the whole pass for every weight of the base model, those of donor layers too', async () => {
    model = await tinyModel({ trainable: true });
    const parameters = model.parameters?.() ?? new Map<string, tf.Tensor>();
    const pass = { input: sequence, loss: nextTokenLoss };
    const before = tf.memory().numTensors;
    const whole = await lossAndGradients(model, parameters, pass);
    const pieces = await lossAndGradients(model, parameters, pass, true);
    expect(tf.memory().numTensors).toBe(before);
    expect(pieces.loss).toBe(whole.loss);
    const apart = differences(whole.gradients, pieces.gradients);
    expect(apart.size).toBe(parameters.size);
    for (const [name, difference] of apart) expect(difference, name).toBeLessThan(1e-5);
    for (const name of donors) {
      const full = `model.language_model.${name}.weight`;
      expect(Math.hypot(...(pieces.gradients.get(full) ?? [])), name).toBeGreaterThan(1e-3);
    }
  });

  it('does not compute again what is cheaper to keep', async () => {
    model = await tinyModel({ trainable: true });
    const parameters = model.parameters?.() ?? new Map<string, tf.Tensor>();
    const { kernels } = await tf.profile(async () => {
      await lossAndGradients(model, parameters, { input: sequence, loss: nextTokenLoss }, true);
      return tf.scalar(0);
    });
    const known = kernels.filter(({ name }) => name === 'NlaKnownLinear');
    expect(known).toHaveLength([...model.spec.linears.values()].filter(isWorthKeeping).length);
    expect(known.length).toBeGreaterThan(model.spec.layers);
  });

  it('would not, if donor keys and values were hidden from the segments', async () => {
    model = await tinyModel({ trainable: true });
    const parameters = model.parameters?.() ?? new Map<string, tf.Tensor>();
    const pass = { input: sequence, loss: nextTokenLoss };
    const whole = await lossAndGradients(model, parameters, pass);
    const broken: Model = { ...model, segments: (input) => forgetful(model.segments(input)) };
    const pieces = await lossAndGradients(broken, parameters, pass, true);
    expect(pieces.loss).toBeCloseTo(whole.loss, 5);
    const apart = differences(whole.gradients, pieces.gradients);
    for (const name of donors) expect(apart.get(`model.language_model.${name}.weight`), name).toBeGreaterThan(0.05);
  });

  it('draws the dropout of an adapter once, and the same in both directions', async () => {
    model = await tinyModel();
    const recipe = resolveRecipe({ rank: 4, dropout: 0.3 }, 'av');
    const { spec, tensors } = initialAdapter(recipe, model.spec, model.spec.layers, createSeedStreams(1).stream('init'));
    const trainable = createTrainable(tensors);
    const random = createSeedStreams(2).stream('b');
    for (const [name, values] of trainable.host)
      if (name.endsWith('lora_B')) values.forEach((_, at) => (values[at] = 0.1 * random.normal()));
    trainable.upload();
    const adapter: LoraAdapter = trainedAdapter(spec, trainable);
    model.adapt(adapter);
    const run = async (checkpoint: boolean) => {
      const dropout = createSeedStreams(3).stream('dropout');
      const input: ForwardInput = { ...sequence, dropout };
      const result = await lossAndGradients(model, trainable.variables, { input, loss: nextTokenLoss }, checkpoint);
      return { ...result, next: dropout.uniform() };
    };
    const [whole, pieces] = [await run(false), await run(true)];
    expect(pieces.next).toBe(whole.next);
    expect(pieces.loss).toBe(whole.loss);
    for (const [name, difference] of differences(whole.gradients, pieces.gradients)) expect(difference, name).toBeLessThan(1e-5);
    const other = await lossAndGradients(model, trainable.variables, { input: sequence, loss: nextTokenLoss }, true);
    expect(other.loss).not.toBeCloseTo(whole.loss, 3);
    model.adapt(null);
    trainable.dispose();
  });

  it('serves a loss on a captured hook point, and zeros behind it', async () => {
    model = await tinyModel({ trainable: true });
    const parameters = model.parameters?.() ?? new Map<string, tf.Tensor>();
    const name = 'blocks.3.hook_out';
    const pass = {
      input: { ...sequence, stopAfterBlock: 3, capture: [name], final: false },
      loss: ({ hidden }: ForwardOutput) => tf.tidy(() => tf.mean<tf.Scalar>(tf.square(hidden[name] as tf.Tensor))),
    };
    const whole = await lossAndGradients(model, parameters, pass);
    const pieces = await lossAndGradients(model, parameters, pass, true);
    for (const [weight, difference] of differences(whole.gradients, pieces.gradients)) expect(difference, weight).toBeLessThan(1e-5);
    expect(pieces.gradients.get('model.language_model.layers.4.mlp.up_proj.weight')?.every((value) => value === 0)).toBe(true);
    expect(pieces.gradients.get('model.language_model.layers.3.mlp.up_proj.weight')?.some((value) => value !== 0)).toBe(true);
  });

  it('frees everything when a segment fails', async () => {
    model = await tinyModel({ trainable: true });
    const parameters = model.parameters?.() ?? new Map<string, tf.Tensor>();
    const failing: Model = {
      ...model,
      segments(input) {
        let runs = 0;
        return model.segments(input).map((segment) => ({
          name: segment.name,
          run(state) {
            runs += 1;
            if (runs === 11) throw new Error('out of memory');
            return segment.run(state);
          },
        }));
      },
    };
    const before = tf.memory().numTensors;
    await expect(lossAndGradients(failing, parameters, { input: sequence, loss: nextTokenLoss }, true)).rejects.toThrow('out of memory');
    expect(tf.memory().numTensors).toBe(before);
  });
});
