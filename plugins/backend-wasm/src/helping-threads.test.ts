import * as tf from '@tensorflow/tfjs-core';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createWasmBackend } from './index.js';
import { webAssembly } from './web-assembly.js';
import { addressOf, findEngine, moduleOf, type WasmEngine } from './wasm-engine.js';

const engineOf = (): WasmEngine => findEngine(tf.backend()) as WasmEngine;
const values = (count: number, seed: number): Float32Array =>
  Float32Array.from({ length: count }, (_, index) => Math.sin(index * 1.37 + seed) * (1 + (index % 7)));

/** The product by the kernel of one thread, whatever threads the engine has. */
function onOneThread(a: tf.Tensor2D, b: tf.Tensor2D, transposeA: boolean, transposeB: boolean, m: number, n: number, k: number) {
  const engine = engineOf();
  const out = tf.zeros([m, n]);
  const to = addressOf(engine, out);
  const [from, right] = [addressOf(engine, a), addressOf(engine, b)];
  engine.kernels.gemm(from, a.shape[1], transposeA, right, b.shape[1], transposeB, to, n, m, n, k, 1, false, engine.scratch);
  return out;
}

describe('helping threads', () => {
  afterEach(async () => {
    vi.restoreAllMocks();
    await (await createWasmBackend()).dispose();
  });

  // Cut by rows and by columns, with ends that fill no tile, rows few enough for dot products, and a last piece of few rows.
  it.each([
    [130, 96, 257],
    [24, 1000, 300],
    [25, 999, 200],
    [16, 128, 2048],
    [1, 4096, 300],
    [2057, 16, 128],
    [392, 50, 400],
    [1030, 70, 33],
  ])('give the bits of one thread for [%i, %i] over %i, in every transpose', async (m, n, k) => {
    await createWasmBackend({ threads: 3 });
    expect(engineOf().helpers?.count).toBe(2);
    for (const transposeA of [false, true]) {
      for (const transposeB of [false, true]) {
        const a = tf.tensor2d(values(m * k, 1), transposeA ? [k, m] : [m, k]);
        const b = tf.tensor2d(values(k * n, 2), transposeB ? [n, k] : [k, n]);
        const one = onOneThread(a, b, transposeA, transposeB, m, n, k);
        const expected = Buffer.from(one.dataSync().slice().buffer);
        for (let round = 0; round < 5; round++) {
          const product = tf.matMul(a, b, transposeA, transposeB);
          expect(Buffer.compare(Buffer.from(product.dataSync().slice().buffer), expected)).toBe(0);
          product.dispose();
        }
        tf.dispose([a, b, one]);
      }
    }
  });

  // What one thread computes of slices, whose ends are no vector's end, is what all threads compute of the whole.
  it('give the bits of one thread for attention, gated units and the loss, too', async () => {
    const compute = (): Float32Array[] => {
      tf.engine().startScope();
      const [rows, width] = [71, 1027];
      const shape: [number, number] = [rows, width];
      const [gate, up, dy] = [3, 4, 5].map((seed) => tf.tensor2d(values(rows * width, seed), shape));
      const targets = tf.tensor1d(
        Int32Array.from({ length: rows }, (_, row) => (row * 97) % width),
        'int32',
      );
      const slope = tf.tensor1d(values(rows, 6));
      const run = (name: string, inputs: Record<string, tf.Tensor>, attrs = {}): tf.Tensor[] =>
        [tf.engine().runKernel<tf.Tensor | tf.Tensor[]>(name, inputs, attrs)].flat();
      const inputs = { gate: gate as tf.Tensor, up: up as tf.Tensor };
      const [lse] = run('NlaSoftcapLogSumExp', { logits: gate as tf.Tensor }, { softcap: 30 });
      const heads: [number, number, number, number] = [2, rows, 3, 16];
      const [q, k, v, slopes] = [7, 8, 9, 10].map((seed) => tf.tensor4d(values(2 * rows * 3 * 16, seed), heads));
      const attended = { q: q as tf.Tensor, k: k as tf.Tensor, v: v as tf.Tensor, valid: tf.ones([2, rows]) };
      const sight = { window: 20, offset: 0, scale: 0.1 };
      const results = [
        ...run('NlaAttention', attended, sight),
        ...run('NlaAttentionGrad', { ...attended, dy: slopes as tf.Tensor }, sight),
        ...run('NlaGeglu', inputs),
        ...run('NlaGegluGrad', { ...inputs, dy: dy as tf.Tensor }),
        lse as tf.Tensor,
        ...run('NlaSoftcapCrossEntropyGrad', { logits: gate as tf.Tensor, targets, lse: lse as tf.Tensor, dy: slope }, { softcap: 30 }),
      ];
      const read = results.map((result) => result.dataSync().slice() as Float32Array);
      tf.engine().endScope();
      return read;
    };
    await createWasmBackend({ threads: 2 });
    const { kernels, helpers } = engineOf();
    const before = kernels.helped(helpers?.control ?? 0);
    const deadline = performance.now() + 30_000;
    let shared = compute();
    while (kernels.helped(helpers?.control ?? 0) === before && performance.now() < deadline) shared = compute();
    expect(kernels.helped(helpers?.control ?? 0)).toBeGreaterThan(before);
    await createWasmBackend({ threads: 1 });
    expect(compute()).toEqual(shared);
  });

  it('do take pieces, and what they compute is right', async () => {
    await createWasmBackend({ threads: 2 });
    const engine = engineOf();
    const a = tf.tensor2d(values(256 * 256, 1), [256, 256]);
    const before = engine.kernels.helped(engine.helpers?.control ?? 0);
    const deadline = performance.now() + 30_000;
    let product = tf.matMul(a, a);
    while (engine.kernels.helped(engine.helpers?.control ?? 0) === before && performance.now() < deadline) {
      product.dispose();
      product = tf.matMul(a, a);
    }
    expect(engine.kernels.helped(engine.helpers?.control ?? 0)).toBeGreaterThan(before);
    const [left, result] = [a.dataSync(), product.dataSync()];
    let worst = 0;
    for (let row = 0; row < 256; row++) {
      for (let column = row % 3; column < 256; column += 3) {
        let sum = 0;
        for (let inner = 0; inner < 256; inner++) sum += (left[row * 256 + inner] ?? NaN) * (left[inner * 256 + column] ?? NaN);
        worst = Math.max(worst, Math.abs(sum - (result[row * 256 + column] ?? NaN)));
      }
    }
    expect(worst).toBeLessThan(0.01);
    tf.dispose([a, product]);
  });

  it('see what the heap has grown by', async () => {
    const backend = await createWasmBackend({ threads: 2 });
    const size = moduleOf(engineOf().backend).HEAPU8.length;
    const large = Array.from({ length: 12 }, () => tf.ones<tf.Rank.R2>([1024, 1024]));
    expect(moduleOf(engineOf().backend).HEAPU8.length).toBeGreaterThan(size);
    for (let round = 0; round < 3; round++) {
      const product = tf.matMul(large.at(-1) as tf.Tensor2D, large.at(-2) as tf.Tensor2D, false, true);
      expect(product.dataSync().every((value) => value === 1024)).toBe(true);
      product.dispose();
    }
    tf.dispose(large);
    expect(backend.memory().liveBytes).toBe(0);
  });

  it('make a product fail when one of them broke off, instead of waiting for ever', async () => {
    await createWasmBackend({ threads: 2 });
    const { kernels, helpers } = engineOf();
    const a = tf.ones<tf.Rank.R2>([256, 256]);
    kernels.abandon(helpers?.control ?? 0);
    expect(() => tf.matMul(a, a)).toThrow(/unreachable/);
  });

  it('are as many as the options say, and no part of the description that a run records', async () => {
    const detail = async (threads: number) => (await (await createWasmBackend({ threads })).selfTest()).detail;
    const { description } = await createWasmBackend({ threads: 3 });
    expect(await detail(3)).toMatch(/on 3 threads/);
    expect(await detail(1)).toMatch(/on 1 thread$/);
    expect(await detail(2)).toMatch(/on 2 threads/);
    expect((await createWasmBackend({ threads: 1 })).description).toBe(description);
  });

  it('are left out with one thread asked for, or where no memory can be shared', async () => {
    await createWasmBackend({ threads: 1 });
    expect(moduleOf(engineOf().backend).HEAPU8.buffer).toBeInstanceOf(ArrayBuffer);
    await (await createWasmBackend({ threads: 1 })).dispose();
    const { Memory } = webAssembly;
    const scarce = vi.spyOn(webAssembly, 'Memory').mockImplementation(function (size) {
      if (size.shared === true) throw new RangeError('could not allocate memory');
      return new Memory(size);
    });
    scarce.prototype = Memory.prototype;
    const backend = await createWasmBackend({ threads: 2 });
    vi.restoreAllMocks();
    expect(await backend.selfTest()).toMatchObject({ ok: true, detail: expect.stringMatching(/on 1 thread$/) as string });
  });
});
