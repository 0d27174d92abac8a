import * as tf from '@tensorflow/tfjs-core';
import { isNlaError } from '@nlakit/core';
import type { PluginContext } from '@nlakit/core';
import { afterEach, describe, expect, it } from 'vitest';
import defaultExport, { benchmarkMatMul, createWasmBackend, plugin } from './index.js';

const codeOf = (body: () => void): string => {
  try {
    body();
  } catch (error) {
    if (isNlaError(error)) return error.code;
    throw error;
  }
  return 'nothing was thrown';
};

describe('the wasm backend', () => {
  afterEach(async () => {
    await createWasmBackend();
  });

  it('is a plugin that makes tfjs compute on wasm', async () => {
    expect(defaultExport).toBe(plugin);
    const options = await plugin.optionsSchema['~standard'].validate({});
    if (options.issues !== undefined) throw new Error('no options must be valid options');
    const backend = await plugin.create(options.value, {} as PluginContext);
    expect(tf.getBackend()).toBe('wasm');
    expect(backend.name).toBe('wasm');
    expect(backend.capabilities.kernels).toContain('NlaRmsNorm');
    expect(backend.capabilities.multiply).toEqual(['f32']);
    expect(backend.description).toMatch(/tfjs-backend-wasm 4\.22\.0/);
    expect(tf.env().getBool('PROD')).toBe(true);
  });

  it.each([{ maxHeapBytes: 0 }, { maxHeapBytes: 2 ** 33 }, { relaxedSimd: 'on' }, { threads: 0 }, { threads: 1.5 }, { kernels: 'both' }])(
    'refuses the options %j',
    async (options) => {
      expect((await plugin.optionsSchema['~standard'].validate(options)).issues).toBeDefined();
    },
  );

  it('computes with the kernels of tfjs alone where it is asked to, and with ours again', async () => {
    const own = await createWasmBackend();
    const names = own.capabilities.kernels;
    const ours = tf.getKernel('BatchMatMul', 'wasm');
    const stock = await createWasmBackend({ kernels: 'stock' });
    expect(stock.capabilities.kernels).toEqual([]);
    expect(stock.description).toMatch(/kernels as shipped/);
    expect(names.filter((name) => tf.getKernel(name, 'wasm') !== undefined)).toEqual([]);
    const shipped = tf.getKernel('BatchMatMul', 'wasm');
    expect(shipped.kernelFunc).not.toBe(ours.kernelFunc);
    expect((await stock.selfTest()).ok).toBe(true);
    // The gradient of gather needs a kernel that tfjs-backend-wasm has none of.
    const sums = tf.tidy(() => tf.unsortedSegmentSum(tf.tensor1d([5, 6, 7]), tf.tensor1d([1, 1, 0], 'int32'), 2).arraySync());
    expect(sums).toEqual([7, 11]);
    const again = await createWasmBackend();
    expect(again.capabilities.kernels).toEqual(names);
    expect(again.description).toBe(own.description);
    expect(tf.getKernel('BatchMatMul', 'wasm').kernelFunc).not.toBe(shipped.kernelFunc);
    expect((await again.selfTest()).ok).toBe(true);
  });

  it('tests itself, and notices a broken product', async () => {
    const backend = await createWasmBackend();
    const good = await backend.selfTest();
    expect(good.detail).toMatch(/GF\/s/);
    expect(good.ok).toBe(true);
    expect(good.gflops).toBeGreaterThan(0.1);
    const ours = tf.getKernel('Tanh', 'wasm');
    tf.unregisterKernel('Tanh', 'wasm');
    tf.registerKernel({ ...ours, kernelName: 'Tanh', backendName: 'wasm', kernelFunc: tf.getKernel('Exp', 'wasm').kernelFunc });
    const bad = await backend.selfTest();
    tf.unregisterKernel('Tanh', 'wasm');
    tf.registerKernel(ours);
    expect(bad.ok).toBe(false);
    expect(bad.detail).toMatch(/tanh is off/);
  });

  it('measures a product and leaves nothing behind', async () => {
    await createWasmBackend();
    const before = tf.memory().numTensors;
    const { gflops, milliseconds } = await benchmarkMatMul({ m: 32, k: 16, n: 24, transposeB: true, seconds: 0.02 });
    expect(gflops).toBeCloseTo((2 * 32 * 16 * 24) / milliseconds / 1e6, 6);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('counts live and peak bytes', async () => {
    const backend = await createWasmBackend();
    const before = backend.memory();
    const x = tf.zeros([1000, 100]);
    const during = backend.memory();
    expect(during.liveBytes - before.liveBytes).toBe(400_000);
    expect(during.tensors - before.tensors).toBe(1);
    x.dispose();
    expect(backend.memory().liveBytes).toBe(before.liveBytes);
    expect(backend.memory().peakBytes).toBeGreaterThanOrEqual(during.liveBytes);
  });

  it('shares the data of a clone, which a gradient keeps of every tensor it reads, and frees it with the last', async () => {
    const backend = await createWasmBackend();
    const before = backend.memory();
    const original = tf.tensor2d([1, 2, 3, 4], [2, 2]);
    const one = backend.memory().liveBytes;
    const copies = [tf.clone(original), tf.cast(original, 'float32'), tf.reshape(original, [4])];
    expect(backend.memory().liveBytes).toBe(one);
    original.dispose();
    copies[0]?.dispose();
    expect(Array.from(copies[1]?.dataSync() ?? [])).toEqual([1, 2, 3, 4]);
    tf.dispose(copies);
    expect(backend.memory()).toMatchObject({ liveBytes: before.liveBytes, tensors: before.tensors });
    const rounded = tf.tidy(() => tf.cast(tf.tensor1d([1.5, -2.5]), 'int32').dataSync());
    expect(Array.from(rounded)).toEqual([1, -2]);
  });

  it('refuses an allocation beyond the limit and stays sound', async () => {
    const backend = await createWasmBackend();
    const kept = tf.range(0, 1000);
    const { liveBytes } = backend.memory();
    await createWasmBackend({ maxHeapBytes: liveBytes + 2_300_000 });
    const before = backend.memory();
    expect(codeOf(() => tf.zeros([1_000_000]))).toBe('E_BACKEND_MEMORY');
    expect(codeOf(() => tf.tensor1d(new Float32Array(1_000_000)))).toBe('E_BACKEND_MEMORY');
    const x = tf.zeros([200_000]);
    // Room for one output of 800 kB beside x, not for two.
    const held = backend.memory().liveBytes;
    expect(codeOf(() => tf.engine().runKernel('NlaGegluGrad', { gate: x, up: x, dy: x }))).toBe('E_BACKEND_MEMORY');
    expect(codeOf(() => tf.engine().runKernel('SplitV', { x: tf.tile(x, [1]) }, { numOrSizeSplits: [150_000, 50_000], axis: 0 }))).toBe(
      'E_BACKEND_MEMORY',
    );
    expect(backend.memory().liveBytes).toBe(held + 800_000);
    x.dispose();
    expect(Array.from(kept.dataSync()).every((value, index) => value === index)).toBe(true);
    const product = tf.matMul(tf.reshape(kept, [10, 100]), tf.reshape(kept, [100, 10]));
    expect(product.dataSync()[0]).toBe(
      Array.from({ length: 100 }, (_, index) => index * index * 10).reduce((sum, value) => sum + value, 0),
    );
    expect(backend.memory().peakBytes).toBeGreaterThan(before.liveBytes);
    kept.dispose();
    product.dispose();
  });

  it('fills the whole 4 GiB and then refuses, without harm', { tags: ['slow'] }, async () => {
    const backend = await createWasmBackend();
    const marker = tf.range(0, 5000);
    const blocks: tf.Tensor[] = [];
    const fill = () => {
      for (let index = 0; index < 40; index++) blocks.push(tf.zeros([64, 1024, 1024]));
    };
    expect(codeOf(fill)).toBe('E_BACKEND_MEMORY');
    expect(blocks.length).toBeGreaterThanOrEqual(14);
    expect(Array.from(marker.dataSync()).every((value, index) => value === index)).toBe(true);
    // Addresses above 2 GiB, as signed numbers negative, go through the kernels too.
    const last = blocks.at(-1) as tf.Tensor;
    const squares = tf.tidy(() => tf.matMul(tf.reshape(tf.slice(last, [0, 0, 0], [1, 4, 1024]), [4, 1024]), tf.ones([1024, 3])).dataSync());
    expect(Array.from(squares)).toEqual(new Array(12).fill(0));
    tf.dispose(blocks);
    expect(backend.memory().liveBytes).toBeLessThan(2 ** 30);
    marker.dispose();
  });

  it('is the same engine when created twice, and starts afresh after dispose', async () => {
    const one = await createWasmBackend();
    const x = tf.tensor1d([1, 2, 3]);
    const two = await createWasmBackend();
    expect(two.memory().liveBytes).toBe(one.memory().liveBytes);
    await one.dispose();
    await two.dispose();
    expect(() => x.dispose()).not.toThrow();
    const three = await createWasmBackend();
    expect(three.memory().liveBytes).toBe(0);
    expect((await three.selfTest()).ok).toBe(true);
  });
});
