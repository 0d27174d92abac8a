import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describeConformance } from '@nlakit/conformance/vitest';
import { runConformance } from '@nlakit/conformance';
import { plugin as nf4 } from '@nlakit/quantizer-nf4';
import { tf } from '@nlakit/ops';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assembleStockInstall, stockTensorflow } from './__fixtures__/stock-install.js';
import { createTensorflowBackend, plugin } from './index.js';
import { currentEngine } from './tensorflow-engine.js';

const run = promisify(execFile);
const tensorflow = await stockTensorflow();

if (typeof tensorflow === 'string') describe('a stock installation', () => it.skip(`skipped: ${tensorflow}`));
else
  describe(`tfjs-node as its own installer leaves it, on TensorFlow ${tensorflow.version}`, () => {
    const { NLAKIT_CACHE: cache } = process.env;
    const working = process.cwd();
    let folder: string;
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'nlakit-stock-'));
      await assembleStockInstall(folder, tensorflow);
      // No installation of ours, and the working directory of a project that has tfjs-node.
      process.env['NLAKIT_CACHE'] = join(folder, 'cache');
      process.chdir(folder);
    });
    afterAll(async () => {
      process.chdir(working);
      if (cache === undefined) delete process.env['NLAKIT_CACHE'];
      else process.env['NLAKIT_CACHE'] = cache;
      await rm(folder, { recursive: true, force: true });
    });

    it('is found, says what it is, and claims no kernels of ours', async () => {
      const backend = await createTensorflowBackend();
      expect(backend.description).toMatch(
        new RegExp(`^TensorFlow ${tensorflow.version} of @tensorflow/tfjs-node 4\\.22\\.0, stock operations \\(\\d+ threads\\), `),
      );
      expect(currentEngine().modules.addon).toBeUndefined();
      expect([...backend.capabilities.kernels].sort()).toEqual(['NlaNf4Linear', 'NlaNf4LinearGrad', 'NlaNf4Unpack', 'NlaRoundHalf']);
      expect(await backend.selfTest()).toMatchObject({ ok: true });
    });

    it('tells who starts it that there is more to have', async () => {
      const said: string[] = [];
      const log = { debug: () => undefined, info: (text: string) => said.push(text), warn: () => undefined, error: () => undefined };
      await plugin.create({ multiply: 'f32', kernels: 'own' }, { log } as unknown as Parameters<typeof plugin.create>[1]);
      expect(said).toEqual([expect.stringMatching(/stock operations.*`nla backend install tensorflow`/)]);
    });

    describeConformance(plugin, { badOptions: [{ multiply: 'int8' }, { threads: 0 }] });

    it.each(['f32', 'bf16'] as const)('packs and multiplies NF4 in %s as the suite of quantizers has it', async (multiply) => {
      const { cases } = await runConformance(nf4, { engine: () => createTensorflowBackend({ multiply }) });
      const failed = cases.filter(({ outcome }) => outcome === 'failed').map(({ name }) => name);
      // A product in bf16 is not one in f32, and the suite is not blind to it.
      const inHalf = [
        'multiplies by what it unpacks',
        'packs and multiplies at the edges',
        'its product has the gradient of the unpacked weight',
      ];
      expect(failed).toEqual(multiply === 'f32' ? [] : inHalf.map((name) => `quantizer: ${name}`));
    });

    it('counts bytes, handles that are no tensors included, and frees them all', async () => {
      const backend = await createTensorflowBackend();
      const before = backend.memory();
      tf.tidy(() => {
        const [codes, absmax] = [tf.ones([4096], 'int32'), tf.ones([512])];
        const attributes = { blockSize: 64, out: 256, inn: 128, storage: 'bfloat16' };
        const y = tf.engine().runKernel<tf.Tensor>('NlaNf4Linear', { x: tf.ones([3, 128]), codes, absmax }, attributes);
        expect(y.shape).toEqual([3, 256]);
        // The codes as bytes beside those of the tensor.
        expect(backend.memory().liveBytes - before.liveBytes).toBe((2 * 4096 + 512 + 3 * 128 + 3 * 256) * 4);
      });
      expect(backend.memory()).toMatchObject({ liveBytes: before.liveBytes, tensors: before.tensors });
    });

    it('survives signals in the middle of its products', async () => {
      await createTensorflowBackend();
      const file = join(folder, 'node_modules/@tensorflow/tfjs-node/lib/napi-v8/tfjs_binding.node');
      // The library reads its settings when it is loaded: those that this process made for it.
      expect(process.env['TENSORFLOW_USE_CUSTOM_CONTRACTION_KERNEL']).toBe('0');
      const end = await run(process.execPath, ['-e', products, file]).catch((error: unknown) => error);
      expect(end).toMatchObject({ stdout: expect.stringMatching(/^\d{3,} signals, 0 wrong\n$/) as unknown });
    });
  });

/**
 * Some seconds of products of several shapes, in all transposes, each held against its first result, while another process sends signals.
 * With `TENSORFLOW_USE_CUSTOM_CONTRACTION_KERNEL=1` this ends early as a rule, by a heap that is no longer one.
 */
const products = `
const native = require(process.argv[1]);
const attribute = (name, type, value) => ({ name, type: native['TF_ATTR_' + type], value });
const matrix = (rows, columns) =>
  native.createTensor([rows, columns], native.TF_FLOAT, Float32Array.from({ length: rows * columns }, (_, at) => Math.sin(at)));
const all = [[512, 512, 512], [64, 256, 1024], [104, 256, 256], [104, 8, 1024], [1, 256, 1024]].flatMap(([m, k, n]) =>
  [[false, false], [false, true], [true, false], [true, true]].map(([x, y]) => {
    const operands = [x ? matrix(k, m) : matrix(m, k), y ? matrix(n, k) : matrix(k, n)];
    const attributes = [attribute('adj_x', 'BOOL', x), attribute('adj_y', 'BOOL', y), attribute('T', 'TYPE', native.TF_FLOAT)];
    return () => native.executeOp('BatchMatMulV2', attributes, operands, 1)[0].id;
  }));
const valuesOf = (id) => native.tensorDataSync(id).slice();
const expected = all.map((product) => valuesOf(product()));
let [signals, wrong, round] = [0, 0, 0];
process.on('SIGUSR2', () => signals++);
const sender = require('node:child_process').spawn(process.execPath, ['-e', \`
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (;;) {
    process.kill(\${process.pid}, 'SIGUSR2');
    Atomics.wait(pause, 0, 0, 0.1);
  }\`]);
const end = performance.now() + 4000;
(function again() {
  all.forEach((product, place) => {
    const id = product();
    if (round % 32 === 0 && !valuesOf(id).every((value, at) => Math.abs(value - expected[place][at]) < 1e-2)) wrong++;
    native.deleteTensor(id);
  });
  round++;
  if (performance.now() < end) return setImmediate(again);
  console.log(signals + ' signals, ' + wrong + ' wrong');
  // A signal that is still on its way would end a process that has no handler any more.
  sender.on('close', () => setTimeout(() => {}, 100));
  sender.kill('SIGKILL');
})();
`;
