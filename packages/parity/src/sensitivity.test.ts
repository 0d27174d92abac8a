import { createWasmBackend } from '@nlakit/backend-wasm';
import type { HostTensor, JsonValue, Model, NamedTensors } from '@nlakit/core';
import { rmsNorm, tf } from '@nlakit/ops';
import type { KernelFunc, Tensor, Tensor1D, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { measure } from './comparison.js';
import { forwardComparisons } from './comparisons/forward.js';
import { gradientComparisons } from './comparisons/gradients.js';
import { tinyConfig, withText } from './fixtures.js';
import { createContext, type ContextOptions } from './parity-context.js';
import { syntheticTensors } from './synthetic-weights.js';
import { goldenIds, passOver, tinyModel, tinyTensors } from './tiny-model.js';

// Every mistake here is one that ports of this architecture have made. Each must fail; the numbers are what it moves the logits by.

let tensors: ReadonlyMap<string, HostTensor>;

beforeAll(async () => {
  await createWasmBackend({ relaxedSimd: 'off' });
  tensors = await tinyTensors();
});

/** Largest error of the logits of the forward group under a mistake. */
async function logitsError(mistake: Omit<ContextOptions, 'backend'>): Promise<number> {
  const context = createContext({ backend: 'wasm', ...mistake });
  try {
    const rows = [];
    for (const comparison of forwardComparisons()) if (comparison.comparison === 'logits') rows.push(await measure(comparison, context));
    expect(rows).toHaveLength(2);
    expect(rows.filter(({ passed }) => passed)).toEqual([]);
    expect(rows.every(({ maxError }) => Number.isFinite(maxError))).toBe(true);
    return rows[0]?.maxError ?? NaN;
  } finally {
    await context.dispose();
  }
}

/** The tiny checkpoint with some tensors replaced. */
function withTensors(change: (name: string, tensor: HostTensor) => HostTensor): ReadonlyMap<string, HostTensor> {
  return new Map([...tensors].map(([name, tensor]) => [name, change(name, tensor)]));
}

const text = (change: Record<string, JsonValue>): Record<string, JsonValue> => withText(tinyConfig(), change);

describe('a wrong configuration', () => {
  const rope = (tinyConfig()['text_config'] as { rope_parameters: Record<string, Record<string, JsonValue>> }).rope_parameters;
  const fullRotation = { ...rope, full_attention: { ...rope['full_attention'], partial_rotary_factor: 1 } };

  it.each([
    ['a window one too small', { sliding_window: 3 }, 3],
    ['a window one too large', { sliding_window: 5 }, 4],
    ['every pair rotated in full attention', { rope_parameters: fullRotation }, 0.3],
    ['no softcap', { final_logit_softcapping: null }, 0.01],
    ['epsilon 1e-5', { rms_norm_eps: 1e-5 }, 0.005],
  ])('%s', async (_, change, atLeast) => {
    expect(await logitsError({ config: text(change) })).toBeGreaterThan(atLeast);
  });
});

describe('a wrong use of the weights', () => {
  it('no layer scalars', async () => {
    const ones = withTensors((name, tensor) => (name.endsWith('layer_scalar') ? { shape: [1], data: Float32Array.of(1) } : tensor));
    expect(await logitsError({ tensors: ones })).toBeGreaterThan(4);
  });

  it('scores divided by the root of the head width', async () => {
    const scaled = withTensors((name, tensor) =>
      name.endsWith('q_norm.weight') ? { ...tensor, data: tensor.data.map((value) => value / Math.sqrt(tensor.data.length)) } : tensor,
    );
    expect(await logitsError({ tensors: scaled })).toBeGreaterThan(3);
  });

  it('norms that multiply by 1 + weight', async () => {
    const shifted = withTensors((name, tensor) =>
      name.endsWith('norm.weight') ? { ...tensor, data: tensor.data.map((value) => 1 + value) } : tensor,
    );
    expect(await logitsError({ tensors: shifted })).toBeGreaterThan(1);
  });
});

describe('keys and values of the wrong layer', () => {
  it("every layer's own, as the dead tensors of a published checkpoint would have it", async () => {
    // Nothing is shared, so nothing is double-wide: all layers get the wide width, and the narrow ones are filled up with zeros.
    const config = text({ num_kv_shared_layers: 0, use_double_wide_mlp: false, intermediate_size: 192 });
    const own = new Map<string, HostTensor>();
    for (const [name, made] of syntheticTensors(config)) own.set(name, filledUp(tensors.get(name), made));
    expect([...own.keys()].filter((name) => !tensors.has(name))).toHaveLength(9);
    expect(await logitsError({ config, tensors: own })).toBeGreaterThan(1);
  });

  it('the first layer of the type that has some, not the last', async () => {
    // In this variant block 1 is no sliding block, so block 0 is the donor of the sliding ones, and its keys and values can be had.
    const types = ['sliding', 'full', 'full', 'sliding', 'sliding', 'full'].map((type) => `${type}_attention`);
    const variant = await tinyModel({ config: text({ layer_types: types }) });
    const [embedding, first] = variant.segments(passOver(goldenIds));
    const early = first?.run(embedding?.run({}) ?? {}) ?? {};
    const wrap = (model: Model): Model =>
      throughSegments(model, (name, state) =>
        name === 'blocks.1'
          ? { ...state, 'blocks.1.keys': early['blocks.0.keys'] as Tensor, 'blocks.1.values': early['blocks.0.values'] as Tensor }
          : state,
      );
    expect(await logitsError({ wrap })).toBeGreaterThan(4);
    tf.dispose(early);
    variant.dispose();
  });

  it('passes if the segments are left alone: what the two tests around this one put in the way changes nothing', async () => {
    const context = createContext({ backend: 'wasm', wrap: (model) => throughSegments(model, (_, state) => state) });
    for (const comparison of [...forwardComparisons(), ...gradientComparisons()]) {
      expect(await measure(comparison, context)).toMatchObject({ passed: true });
    }
    await context.dispose();
  });

  it("no gradient through them: the loss is right and the donors' gradients are not", async () => {
    const detached = (state: NamedTensors): NamedTensors =>
      Object.fromEntries(
        Object.entries(state).map(([key, tensor]) => [key, /\.(keys|values)$/.test(key) ? withoutGradient(tensor) : tensor]),
      );
    const context = createContext({ backend: 'wasm', wrap: (model) => throughSegments(model, (_, state) => detached(state)) });
    for (const comparison of forwardComparisons()) expect(await measure(comparison, context)).toMatchObject({ passed: true });
    const rows = [];
    for (const comparison of gradientComparisons()) {
      if (comparison.comparison.includes('weights')) rows.push(await measure(comparison, context));
    }
    expect(rows).toHaveLength(4);
    expect(rows.filter(({ passed }) => passed)).toEqual([]);
    expect(Math.min(...rows.map(({ maxError }) => maxError))).toBeGreaterThan(0.05);
    await context.dispose();
  });
});

describe('a wrong operation', () => {
  /** Replaces a kernel of the backend for one test. */
  async function withKernel(kernelName: string, make: (original: KernelFunc) => KernelFunc, body: () => Promise<void>): Promise<void> {
    const original = tf.getKernel(kernelName, 'wasm');
    if (original === undefined) throw new Error(`there is no kernel ${kernelName}`);
    const put = (kernelFunc: KernelFunc): void => {
      tf.unregisterKernel(kernelName, 'wasm');
      tf.registerKernel({ ...original, kernelFunc });
    };
    put(make(original.kernelFunc));
    try {
      await body();
    } finally {
      put(original.kernelFunc);
    }
  }

  it('values that are not normed', async () => {
    const skipping = (original: KernelFunc): KernelFunc =>
      function skip(call) {
        const { x, weight } = call.inputs;
        return weight === undefined ? tf.clone(x as Tensor) : original(call);
      };
    await withKernel('NlaRmsNorm', skipping, async () => expect(await logitsError({})).toBeGreaterThan(3));
  });

  it('GELU with the normal distribution function, not its tanh form', async () => {
    const exact = (): KernelFunc =>
      function gelu({ inputs }) {
        const [gate, up] = [inputs['gate'] as Tensor, inputs['up'] as Tensor];
        const activated = gate.dataSync().map((z) => 0.5 * z * (1 + erf(z * Math.SQRT1_2)));
        return tf.tidy(() => tf.mul(tf.tensor(activated, gate.shape), up));
      };
    await withKernel('NlaGeglu', exact, async () => expect(await logitsError({})).toBeGreaterThan(0.005));
  });

  it('the first quarter of the channels rotated, in pairs among themselves', async () => {
    const pairs = 4;
    const prefixRope = (original: KernelFunc): KernelFunc =>
      function rope(call) {
        const [rows, weight] = [call.inputs['x'] as Tensor2D, call.inputs['weight'] as Tensor1D];
        const [cos, sin] = [call.inputs['cos'] as Tensor3D, call.inputs['sin'] as Tensor3D];
        const [headDim, length] = [weight.size, cos.shape[1]];
        if (headDim !== 32) return original(call);
        return tf.tidy(() => {
          const shape: Tensor4D['shape'] = [rows.shape[0] / length, length, rows.shape[1] / headDim, headDim];
          const x = rmsNorm(tf.reshape<tf.Rank.R4>(rows, shape), weight, (call.attrs as unknown as { epsilon: number }).epsilon);
          const channels = (from: number, count: number): Tensor4D =>
            tf.slice(x, [0, 0, 0, from], [...shape.slice(0, 3), count] as Tensor4D['shape']);
          const table = (of: Tensor3D): Tensor4D => tf.expandDims(tf.slice(of, [0, 0, 0], [of.shape[0], length, pairs]), 2);
          const [first, second, rest] = [channels(0, pairs), channels(pairs, pairs), channels(2 * pairs, headDim - 2 * pairs)];
          const [c, s] = [table(cos), table(sin)];
          const turned = [tf.sub(tf.mul(first, c), tf.mul(second, s)), tf.add(tf.mul(second, c), tf.mul(first, s))];
          return tf.concat([...turned, rest], 3);
        });
      };
    await withKernel('NlaNormRope', prefixRope, async () => expect(await logitsError({})).toBeGreaterThan(1));
  });

  it('(the kernels are the right ones again)', async () => {
    const context = createContext({ backend: 'wasm' });
    for (const comparison of forwardComparisons()) expect(await measure(comparison, context)).toMatchObject({ passed: true });
    await context.dispose();
  });
});

/** The model with something done to the state after each of its segments. */
function throughSegments(model: Model, after: (segment: string, state: NamedTensors) => NamedTensors): Model {
  const segments: Model['segments'] = (input) =>
    model.segments(input).map(({ name, run }) => ({ name, run: (state) => tf.tidy(() => ({ ...after(name, run(state)) })) }));
  return {
    ...model,
    segments,
    forward(input) {
      const state = tf.tidy(() => segments(input).reduce<NamedTensors>((current, segment) => segment.run(current), {}));
      const { final, ...hidden } = state as Record<string, Tensor3D>;
      return { hidden, ...(final === undefined ? {} : { final }) };
    },
  };
}

function withoutGradient(tensor: Tensor): Tensor {
  const cut = tf.customGrad((x) => ({ value: tf.clone(x as Tensor), gradFunc: () => tf.zerosLike(x as Tensor) }));
  return cut(tensor);
}

/** `small` in the upper left corner of zeros of `large`'s shape; `large` itself where there is no small one. */
function filledUp(small: HostTensor | undefined, large: HostTensor): HostTensor {
  if (small === undefined || small.shape.join() === large.shape.join()) return small ?? large;
  const [rows = 0, columns = 0] = small.shape;
  const [, width = 0] = large.shape;
  const data = new Float32Array(large.data.length);
  for (let row = 0; row < rows; row++) data.set(small.data.subarray(row * columns, (row + 1) * columns), row * width);
  return { shape: large.shape, data };
}

/** Error function, to 1.5e-7: Abramowitz and Stegun 7.1.26. */
function erf(x: number): number {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const tail = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t * Math.exp(-x * x);
  return Math.sign(x) * (1 - tail);
}
