import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import * as tf from '@tensorflow/tfjs-core';
import { isNlaError } from '@nlakit/core';
import type { PluginContext } from '@nlakit/core';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { noAdapterReason, titled } from './__fixtures__/adapter-here.js';
import defaultExport, { createWebgpuBackend, plugin } from './index.js';
import { findEngine } from './webgpu-engine.js';

const codeOf = async (body: () => unknown): Promise<string> => {
  try {
    await body();
  } catch (error) {
    if (isNlaError(error)) return error.code;
    throw error;
  }
  return 'nothing was thrown';
};

const start = (options = {}) => createWebgpuBackend({ allowSoftware: true, ...options });
const device = (): GPUDevice => findEngine(tf.backend())!.backend.device;

describe.skipIf(noAdapterReason !== undefined)(titled('the webgpu backend'), () => {
  beforeEach(async () => {
    await start();
  });
  afterEach(async () => {
    await start();
  });
  afterAll(async () => {
    await (await start()).dispose();
  });

  it('is a plugin that makes tfjs compute on the GPU', async () => {
    expect(defaultExport).toBe(plugin);
    const options = await plugin.optionsSchema['~standard'].validate({ allowSoftware: true });
    if (options.issues !== undefined) throw new Error('these must be valid options');
    const backend = await plugin.create(options.value, {} as PluginContext);
    expect(tf.getBackend()).toBe('webgpu');
    expect(backend.capabilities).toMatchObject({ multiply: ['f32'], synchronousRead: false });
    expect(backend.capabilities.kernels).toContain('NlaNf4Linear');
    expect(backend.description).toMatch(/tfjs-backend-webgpu 4\.22\.0, Dawn \(webgpu 0\.6\.2\)/);
    expect((globalThis as { navigator?: { gpu?: unknown } }).navigator?.gpu).toBeUndefined();
  });

  it.each([{ maxBytes: 0 }, { poolBytes: -1 }, { powerPreference: 'all' }, { multiply: 'bf16' }, { threads: 2 }])(
    'refuses the options %j',
    async (options) => {
      expect((await plugin.optionsSchema['~standard'].validate(options)).issues).toBeDefined();
    },
  );

  it('tests itself, and notices a broken kernel', async () => {
    const backend = await start();
    expect(await backend.selfTest()).toMatchObject({ ok: true });
    const ours = tf.getKernel('Tanh', 'webgpu');
    tf.unregisterKernel('Tanh', 'webgpu');
    tf.registerKernel({ ...ours, kernelName: 'Tanh', kernelFunc: tf.getKernel('Exp', 'webgpu').kernelFunc });
    const bad = await backend.selfTest();
    tf.unregisterKernel('Tanh', 'webgpu');
    tf.registerKernel(ours);
    expect(bad.ok).toBe(false);
    expect(bad.detail).toMatch(/tanh is off/);
  });

  it('says that it cannot wait when it is read synchronously', async () => {
    const x = tf.square(tf.tensor1d([1, 2, 3]));
    expect(await codeOf(() => x.dataSync())).toBe('E_BACKEND_SYNCHRONOUS_READ');
    expect(Array.from(await x.data())).toEqual([1, 4, 9]);
    // And again: what is read is not kept in host memory.
    expect(await codeOf(() => x.dataSync())).toBe('E_BACKEND_SYNCHRONOUS_READ');
    x.dispose();
  });

  it('reads integers, truth values, empty tensors and parts of larger buffers', async () => {
    const values = tf.tidy(() => [
      tf.cast(tf.tensor1d([1.5, -2.5, 7]), 'int32'),
      tf.greater(tf.tensor1d([1, 2, 3]), 2),
      tf.mul(tf.zeros([0, 4]), 2),
      tf.add(tf.ones([1027]), 1),
    ]);
    const read = await Promise.all(values.map(async (tensor) => Array.from(await tensor.data())));
    expect(read).toEqual([[1, -2, 7], [0, 0, 1], [], Array(1027).fill(2)]);
    tf.dispose(values);
  });

  it('refuses a tensor that a kernel could not see, instead of computing with something else', async () => {
    const { maxTensorBytes } = (await start()).capabilities;
    const rows = Math.floor(maxTensorBytes / 4 / 1024) + 1;
    const row = tf.ones([1, 1024]);
    expect(await codeOf(() => tf.tile(row, [rows, 1]))).toBe('E_BACKEND_MEMORY');
    expect(Array.from(await tf.sum(row).data())).toEqual([1024]);
    row.dispose();
  });

  it('keeps within the bytes it is allowed, and stays sound when they do not do', async () => {
    await (await start()).dispose();
    const backend = await start({ maxBytes: 8_000_000 });
    expect(backend.capabilities.deviceBytes).toBe(8_000_000);
    const kept = tf.add(tf.range(0, 1000), 1);
    const blocks: tf.Tensor[] = [];
    const code = await codeOf(() => {
      for (let index = 0; index < 20; index++) blocks.push(tf.fill([250_000], index));
    });
    expect(code).toBe('E_BACKEND_MEMORY');
    expect(blocks.length).toBeGreaterThan(5);
    expect(blocks.length).toBeLessThan(9);
    tf.dispose(blocks);
    // Other sizes find room because what was freed is destroyed, and not only kept for the same size.
    const other = tf.fill([500_000], 3);
    expect((await other.data())[499_999]).toBe(3);
    expect(Array.from(await kept.data())[999]).toBe(1000);
    expect(backend.memory().peakBytes).toBeLessThanOrEqual(8_000_000);
    tf.dispose([other, kept]);
  });

  it('keeps no more freed memory than it is allowed', async () => {
    await (await start()).dispose();
    await start({ poolBytes: 1_000_000 });
    for (let length = 1; length <= 40; length++) {
      const x = tf.add(tf.fill([length * 2000], 1), 1);
      await x.data();
      x.dispose();
    }
    const { account, backend } = findEngine(tf.backend())!;
    expect(account.allocatedBytes - backend.bufferManager.numBytesUsed).toBeLessThanOrEqual(1_000_000);
    account.trim(0);
    expect(account.allocatedBytes).toBe(backend.bufferManager.numBytesUsed);
    const product = tf.matMul(tf.ones([5, 7]), tf.ones([7, 3]));
    expect(Array.from(await product.data())).toEqual(Array(15).fill(7));
    product.dispose();
  });

  it('throws what the GPU refused at the next read, and goes on being refused until it is started anew', async () => {
    const x = tf.square(tf.tensor1d([1, 2, 3]));
    await x.data();
    device().createBuffer({ size: 16, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.STORAGE });
    expect(await codeOf(() => x.data())).toBe('E_BACKEND_DEVICE');
    expect(await codeOf(() => tf.square(x))).toBe('E_BACKEND_DEVICE');
    await (await start()).dispose();
    await start();
    expect(Array.from(await tf.square(tf.tensor1d([3])).data())).toEqual([9]);
  });

  it('is the same engine when created twice, and starts afresh after dispose', async () => {
    const one = await start();
    const engine = findEngine(tf.backend());
    const x = tf.square(tf.tensor1d([1, 2, 3]));
    const two = await start();
    expect(findEngine(tf.backend())).toBe(engine);
    await one.dispose();
    await two.dispose();
    expect(() => x.dispose()).not.toThrow();
    await start();
    expect(findEngine(tf.backend())).not.toBe(engine);
    expect(Array.from(await tf.square(tf.tensor1d([3])).data())).toEqual([9]);
  });
});

const built = fileURLToPath(new URL('../dist/index.js', import.meta.url));

describe.skipIf(!existsSync(built))(existsSync(built) ? 'a process of its own' : 'a process of its own (skipped: not built)', () => {
  const node = async (script: string, environment: Record<string, string> = {}) => {
    const started = performance.now();
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
      cwd: fileURLToPath(new URL('..', import.meta.url)),
      env: { ...process.env, ...environment },
      timeout: 50_000,
    });
    return { stdout: stdout.trim(), seconds: (performance.now() - started) / 1000 };
  };
  const create = `
    import * as tf from '@tensorflow/tfjs-core';
    import { createWebgpuBackend } from '@nlakit/backend-webgpu';
    const backend = await createWebgpuBackend({ allowSoftware: true });
    const x = tf.square(tf.tensor1d([1, 2, 3]));
    console.log(Array.from(await x.data()).join());`;

  it.skipIf(noAdapterReason !== undefined).each([
    ['falls off its end', ''],
    ['disposes', 'await backend.dispose();'],
    ['calls process.exit with a read under way', 'x.data(); process.exit(0);'],
  ])('ends when it %s', async (_, ending) => {
    expect((await node(`${create}\n${ending}`)).stdout).toBe('1,4,9');
  });

  it('says so where there is no driver', async () => {
    const script = `
      import { createWebgpuBackend } from '@nlakit/backend-webgpu';
      await createWebgpuBackend({ allowSoftware: true }).catch((error) => console.log(error.code, error.details.found));`;
    const { stdout } = await node(script, { VK_DRIVER_FILES: '/nowhere.json', VK_ICD_FILENAMES: '/nowhere.json' });
    expect(stdout).toMatch(process.platform === 'linux' ? /^E_BACKEND_UNAVAILABLE (no WebGPU adapter|.*not found)/ : /./);
  });

  it.skipIf(noAdapterReason !== undefined)('refuses to compute on the CPU unless it is told to', async () => {
    const script = `
      import { createWebgpuBackend } from '@nlakit/backend-webgpu';
      const software = await createWebgpuBackend({ allowSoftware: true }).then((backend) => /llvmpipe|SwiftShader/.test(backend.description));
      console.log(software);
      process.exit(0);`;
    const { stdout } = await node(script);
    if (stdout !== 'true') return;
    const refused = `
      import { createWebgpuBackend } from '@nlakit/backend-webgpu';
      await createWebgpuBackend().catch((error) => console.log(error.code, error.details.found));`;
    expect((await node(refused)).stdout).toMatch(/^E_BACKEND_UNAVAILABLE only a software adapter/);
  });
});
