import { nf4Quantizer } from '@nlakit/quantizer-nf4';
import { tf } from '@nlakit/ops';
import { afterEach, describe, expect, it } from 'vitest';
import { notInstalled } from './__fixtures__/not-installed.js';
import { createTensorflowBackend, plugin } from './index.js';

const reason = await notInstalled();

const values = (count: number, step: number): Float32Array => Float32Array.from({ length: count }, (_, at) => Math.sin(at * step + 1));

/** An NF4 product and its gradient, and the same of the unpacked weight. */
async function nf4Product(dtype: 'F32' | 'BF16' | 'F16', [rows, out, inn]: readonly [number, number, number], blockSize = 64) {
  const quantizer = nf4Quantizer({ blockSize });
  const weights = values(out * inn, 0.37);
  const read = (start: number, count: number) => Promise.resolve(weights.slice(start * inn, (start + count) * inn));
  const weight = await quantizer.pack({ dtype, read }, [out, inn]);
  const input = tf.tensor2d(values(rows * inn, 0.11), [rows, inn]);
  const dy = tf.tensor2d(values(rows * out, 0.23), [rows, out]);
  const result = tf.tidy(() => {
    const dense = quantizer.unpack(weight);
    return {
      y: quantizer.linear(input, weight).dataSync<'float32'>(),
      dx: tf
        .grad((x) => quantizer.linear(x, weight))(input, dy)
        .dataSync<'float32'>(),
      expectedY: tf.matMul(input, dense, false, true).dataSync<'float32'>(),
      expectedDx: tf.matMul(dy, dense).dataSync<'float32'>(),
      dense: dense.dataSync<'float32'>(),
    };
  });
  tf.dispose([input, dy]);
  weight.dispose();
  return result;
}

const difference = (one: Float32Array, other: Float32Array): number =>
  one.reduce((worst, value, at) => Math.max(worst, Math.abs(value - (other[at] ?? NaN))), one.length === other.length ? 0 : NaN);

describe.skipIf(reason !== undefined)(`the TensorFlow backend${reason === undefined ? '' : ` (skipped: ${reason})`}`, () => {
  afterEach(async () => {
    await createTensorflowBackend();
  });

  it('is a plugin that makes tfjs compute on TensorFlow, and says which', async () => {
    const options = await plugin.optionsSchema['~standard'].validate({});
    if (options.issues !== undefined) throw new Error('no options must be valid options');
    const backend = await plugin.create(options.value, {} as Parameters<typeof plugin.create>[1]);
    expect(tf.getBackend()).toBe('tensorflow');
    expect(backend.description).toMatch(/^TensorFlow 2\.\d+\.\d+/);
    expect(backend.capabilities.multiply).toEqual(['f32']);
    expect(backend.capabilities.kernels).toEqual(expect.arrayContaining(['NlaNf4Linear', 'NlaNf4LinearGrad', 'NlaRmsNorm', 'NlaLora']));
  });

  it.each(['F32', 'BF16', 'F16'] as const)(
    'multiplies by an NF4 weight stored in %s as by the unpacked one, own and stock',
    async (dtype) => {
      const unpacked: Float32Array[] = [];
      for (const kernels of ['own', 'stock'] as const) {
        await createTensorflowBackend({ kernels });
        for (const shape of [
          [1, 64, 128],
          [5, 96, 64],
          [13, 33, 70],
          [70, 257, 320],
        ] as const) {
          const { y, dx, expectedY, expectedDx, dense } = await nf4Product(dtype, shape);
          expect(difference(y, expectedY), `${kernels} ${shape.join()}`).toBeLessThan(2e-5);
          expect(difference(dx, expectedDx), `${kernels} ${shape.join()}`).toBeLessThan(2e-5);
          unpacked.push(dense);
        }
      }
      for (let at = 0; at < 4; at++) expect(unpacked[at]).toEqual(unpacked[at + 4]);
    },
  );

  it('multiplies in bf16 when it is asked to: near f32, and not f32', async () => {
    for (const kernels of ['own', 'stock'] as const) {
      const backend = await createTensorflowBackend({ kernels, multiply: 'bf16' });
      expect(backend.capabilities.multiply).toEqual(['f32', 'bf16']);
      const { y, dx, expectedY, expectedDx } = await nf4Product('BF16', [40, 96, 320]);
      for (const [made, expected] of [
        [y, expectedY],
        [dx, expectedDx],
      ] as const) {
        const scale = Math.hypot(...expected) / Math.sqrt(expected.length);
        expect(difference(made, expected) / scale).toBeLessThan(3e-2);
        expect(difference(made, expected) / scale).toBeGreaterThan(1e-4);
      }
    }
  });

  it('counts live and peak bytes, handles that are no tensors included, and frees them all', async () => {
    for (const options of [{}, { kernels: 'stock' }, { multiply: 'bf16' }] as const) {
      const backend = await createTensorflowBackend(options);
      const before = backend.memory();
      const x = tf.zeros([1000, 100]);
      expect(backend.memory().liveBytes - before.liveBytes).toBe(400_000);
      x.dispose();
      await nf4Product('BF16', [70, 256, 320]);
      const after = backend.memory();
      expect(after).toMatchObject({ liveBytes: before.liveBytes, tensors: before.tensors });
      expect(after.peakBytes).toBeGreaterThan(before.liveBytes + 400_000);
    }
  });

  it('lets a large slice and a reshaped tensor share memory that outlives what they are of', async () => {
    await createTensorflowBackend();
    const rows = values(4096 * 128, 0.7);
    const table = tf.tensor2d(rows, [4096, 128]);
    const slice = tf.slice(table, [1000, 0], [2500, 128]);
    const odd = tf.slice(table, [0, 1], [4096, 127]);
    const flat = tf.reshape(table, [-1]);
    table.dispose();
    // Memory that was given back would be taken by one of these.
    const others = Array.from({ length: 4 }, () => tf.add(tf.zeros([4096, 128]), 7));
    expect(slice.dataSync<'float32'>()).toEqual(rows.slice(1000 * 128, 3500 * 128));
    expect(flat.dataSync<'float32'>()).toEqual(rows);
    expect(odd.dataSync<'float32'>().slice(0, 254)).toEqual(Float32Array.of(...rows.slice(1, 128), ...rows.slice(129, 256)));
    tf.dispose([slice, odd, flat, others]);
  });

  it('notices a broken kernel', async () => {
    const backend = await createTensorflowBackend();
    expect((await backend.selfTest()).ok).toBe(true);
    const ours = tf.getKernel('Tanh', 'tensorflow');
    tf.unregisterKernel('Tanh', 'tensorflow');
    tf.registerKernel({ ...ours, kernelName: 'Tanh', kernelFunc: tf.getKernel('Exp', 'tensorflow').kernelFunc });
    const bad = await backend.selfTest();
    tf.unregisterKernel('Tanh', 'tensorflow');
    tf.registerKernel(ours);
    expect(bad).toMatchObject({ ok: false, detail: expect.stringMatching(/tanh is off/) as unknown });
  });

  it('turns away what does not fit, and goes on', async () => {
    await createTensorflowBackend();
    const x = tf.ones([3, 8]);
    expect(() => tf.engine().runKernel('NlaRmsNorm', { x, weight: tf.ones([5]) }, { epsilon: 1e-6 })).toThrow(/fewer elements/);
    expect(tf.engine().runKernel<tf.Tensor>('NlaRmsNorm', { x }, { epsilon: 0 }).dataSync()[0]).toBe(1);
    x.dispose();
  });

  it('starts afresh after dispose', async () => {
    const one = await createTensorflowBackend();
    const x = tf.tensor1d([1, 2, 3]);
    await one.dispose();
    expect(() => x.dispose()).not.toThrow();
    const two = await createTensorflowBackend();
    expect(two.memory().liveBytes).toBe(0);
    expect((await two.selfTest()).ok).toBe(true);
  });
});
