import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { tf } from '@nlakit/ops';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { notInstalled } from './__fixtures__/not-installed.js';
import { createTensorflowBackend } from './index.js';
import { findInstallation, moduleFile } from './install/installation.js';
import { currentEngine } from './tensorflow-engine.js';

const run = promisify(execFile);
const reason = await notInstalled();

const made = new Map<string, Float32Array>();
/** Numbers of many sizes; the same ones are made once. */
function values(count: number, seed: number): Float32Array {
  const key = `${count} ${seed}`;
  let numbers = made.get(key);
  if (numbers === undefined) {
    made.set(key, (numbers = new Float32Array(count)));
    for (let at = 0; at < count; at++) numbers[at] = Math.sin(at * 1.37 + seed) * (1 + (at % 7));
  }
  return numbers;
}

/** Kernels with loops of every kind, each large enough for many threads: by rows, by columns, by heads, by blocks, and moves. */
const kernels: Readonly<Record<string, () => tf.Tensor | tf.Tensor[]>> = {
  'a product': () => tf.matMul(tf.tensor2d(values(300 * 257, 1), [300, 257]), tf.tensor2d(values(257 * 301, 2), [257, 301])),
  'a product of few rows': () =>
    tf.matMul(tf.tensor2d(values(3 * 2049, 1), [3, 2049]), tf.tensor2d(values(2049 * 700, 2), [700, 2049]), false, true),
  'a product over many rows': () =>
    tf.matMul(tf.tensor2d(values(70_001 * 5, 1), [70_001, 5]), tf.tensor2d(values(70_001 * 9, 2), [70_001, 9]), true, false),
  'a sum of a matrix and a row': () => tf.add(tf.tensor2d(values(20_001 * 33, 1), [20_001, 33]), tf.tensor1d(values(33, 2))),
  'a transpose': () => tf.transpose(tf.tensor3d(values(101 * 65 * 33, 1), [101, 65, 33]), [2, 0, 1]),
  'a transpose of rows': () => tf.transpose(tf.tensor4d(values(3 * 100 * 8 * 65, 1), [3, 100, 8, 65]), [0, 2, 1, 3]),
  'a gather': () =>
    tf.gather(
      tf.tensor2d(values(999 * 65, 1), [999, 65]),
      tf.tensor1d(
        Int32Array.from({ length: 20_001 }, (_, at) => (at * 7) % 999),
        'int32',
      ),
    ),
  'columns beside columns': () => tf.concat([tf.ones([20_001, 9]), tf.tensor2d(values(20_001 * 8, 1), [20_001, 8])], 1),
  'columns cut': () => tf.split(tf.tensor2d(values(20_001 * 17, 1), [20_001, 17]), [3, 14], 1),
  norms: () =>
    tf
      .engine()
      .runKernel(
        'NlaRmsNorm',
        { x: tf.tensor2d(values(3001 * 257, 1), [3001, 257]), weight: tf.tensor1d(values(257, 2)) },
        { epsilon: 1e-6 },
      ),
  'gated units and their gradients': () => {
    const [gate, up, dy] = [1, 2, 3].map((seed) => tf.tensor2d(values(999 * 257, seed), [999, 257])) as [tf.Tensor, tf.Tensor, tf.Tensor];
    return tf.engine().runKernel('NlaGegluGrad', { gate, up, dy });
  },
  'attention and its gradients': () => {
    const [q, dy] = [1, 2].map((seed) => tf.tensor4d(values(2 * 130 * 6 * 33, seed), [2, 130, 6, 33])) as [tf.Tensor, tf.Tensor];
    const [k, v] = [3, 4].map((seed) => tf.tensor4d(values(2 * 130 * 2 * 33, seed), [2, 130, 2, 33])) as [tf.Tensor, tf.Tensor];
    return tf.engine().runKernel('NlaAttentionGrad', { q, k, v, valid: tf.ones([2, 130]), dy }, { window: 70, offset: 0, scale: 0.2 });
  },
  'the loss of many words': () =>
    tf.engine().runKernel('NlaSoftcapLogSumExp', { logits: tf.tensor2d(values(37 * 9001, 1), [37, 9001]) }, { softcap: 30 }),
};

const bytesOf = (compute: () => tf.Tensor | tf.Tensor[]): Buffer[] =>
  tf.tidy(() => [compute()].flat().map((result) => Buffer.from(result.dataSync<'float32'>().slice().buffer)));

/** What a process of its own says that requires the native module and runs a program; the module's file is its last argument. */
async function inProcess(program: string): Promise<string> {
  const found = await findInstallation();
  if (!('folder' in found)) throw new Error('nothing is installed');
  const prologue = `
    const { Worker, isMainThread, workerData, parentPort, threadId } = require('node:worker_threads');
    const file = isMainThread ? process.argv.at(-1) : workerData.file;
    const native = require(file);
    const kernel = (name) => native.kernels().indexOf(name);
    const exchange = new Int32Array(16);
    /** Sums that are known, of arrays for one thread and for many; the number of those that were wrong. */
    function wrongSums(seed, rounds, name = 'Add') {
      let wrong = 0;
      for (let round = 0; round < rounds; round++) {
        const values = new Float32Array(round % 8 === 0 ? 300000 : 64);
        for (let at = 0; at < values.length; at++) values[at] = ((at * 7 + seed + round) % 13) - 6;
        const x = native.createTensor([values.length], native.TF_FLOAT, values);
        exchange.set([x, x]);
        native.compute(kernel(name), 0, 0, 2, exchange);
        const sum = exchange[1];
        const got = native.tensorDataSync(sum);
        if (got.length !== values.length || values.some((value, at) => got[at] !== 2 * value)) wrong += 1;
        native.deleteTensor(x);
        native.deleteTensor(sum);
      }
      return wrong;
    }`;
  const env = { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3' };
  // A process that hangs at its end is killed, and that is an error.
  const { stdout } = await run(
    process.execPath,
    ['-e', `const program = ${JSON.stringify(prologue)};${prologue}\n${program}`, join(found.folder, moduleFile)],
    {
      env,
      timeout: 120_000,
      killSignal: 'SIGKILL',
    },
  );
  return stdout.trim();
}

describe.skipIf(reason !== undefined)(`the threads of our native module${reason === undefined ? '' : ` (skipped: ${reason})`}`, () => {
  beforeAll(async () => {
    await createTensorflowBackend();
  });
  const setThreads = (count: number): void => void currentEngine().modules.addon?.setThreads(count);
  afterAll(() => setThreads(Number(process.env['TF_NUM_INTRAOP_THREADS'] ?? 1)));

  it.each(Object.entries(kernels))('give the same bits, however many they are: %s', (_, compute) => {
    setThreads(1);
    const alone = bytesOf(compute);
    // Not by chance: the kernel reads what it is given.
    expect(new Set(alone.flatMap((bytes) => [...new Float32Array(bytes.buffer, bytes.byteOffset, 16)])).size).toBeGreaterThan(1);
    for (const count of [2, 3, 5]) {
      setThreads(count);
      for (let round = 0; round < 2; round++) {
        bytesOf(compute).forEach((bytes, place) => expect(Buffer.compare(bytes, alone[place]!), `${count} threads`).toBe(0));
      }
    }
  });

  it('go on after a kernel that refuses its input', () => {
    setThreads(4);
    const table = tf.tensor2d(values(999 * 65, 1), [999, 65]);
    const outside = tf.fill([20_001], 999, 'int32');
    const expected = bytesOf(kernels['a gather']!);
    for (let round = 0; round < 20; round++) {
      expect(() => tf.gather(table, outside)).toThrow(/not there/);
      expect(Buffer.compare(bytesOf(kernels['a gather']!)[0]!, expected[0]!)).toBe(0);
    }
    tf.dispose([table, outside]);
  });

  it('serve several threads of Node at once, and are left behind by none', async () => {
    const said = await inProcess(`
      native.setThreads(4);
      const results = Array.from({ length: 3 }, () => new Promise((resolve, reject) => {
        const worker = new Worker(program + '\\nparentPort.postMessage(wrongSums(threadId * 100, 64));', { eval: true, workerData: { file } });
        worker.once('message', (wrong) => worker.once('exit', (code) => resolve([wrong, code])));
        worker.once('error', reject);
      }));
      const own = wrongSums(7, 64);
      Promise.all(results).then((all) => console.log(JSON.stringify([own, ...all])));
    `);
    expect(JSON.parse(said)).toEqual([0, [0, 0], [0, 0], [0, 0]]);
  });

  it.each([
    ['at its end', ''],
    ['by process.exit', 'process.exit(0);'],
    [
      'by process.exit in the middle of the work of a thread of Node',
      `
      const worker = new Worker(program + '\\nparentPort.postMessage(0); for (;;) wrongSums(3, 64);', { eval: true, workerData: { file } });
      worker.once('message', () => setTimeout(() => process.exit(0), 50));`,
    ],
    [
      'after a process that it started itself',
      `
      require('node:child_process').execFileSync(process.execPath, ['-e', '0']);
      console.log(wrongSums(9, 9));`,
    ],
  ])('let a process end %s', async (_, ending) => {
    expect(await inProcess(`native.setThreads(4); console.log(wrongSums(1, 40)); ${ending}`)).toMatch(/^0(\n0)?$/);
  });

  it('are noticed by that test where a sum is wrong', async () => {
    const said = await inProcess(`console.log(wrongSums(1, 3, 'Multiply'));`);
    expect(said).toBe('3');
  });
});
