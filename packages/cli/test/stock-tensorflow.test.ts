import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { assembleStockInstall, stockTensorflow } from '../../../plugins/backend-tfjs-node-gpu/src/__fixtures__/stock-install.js';
import { startNla } from './support/nla-process.js';
import { expectSameTraining, trainSmall } from './support/small-training.js';

const tensorflow = await stockTensorflow();
const use = '@nlakit/backend-tfjs-node-gpu';

/** What `nla doctor --json` says, as far as it is looked at here. */
interface Diagnosis {
  readonly backends: readonly {
    readonly name: string;
    readonly ok: boolean;
    readonly description?: string;
    readonly reason?: string;
    readonly gflops?: number;
  }[];
  readonly auto?: { readonly use: string };
}

if (typeof tensorflow === 'string') describe('nla on a stock TensorFlow', () => it.skip(`skipped: ${tensorflow}`));
else
  describe(`nla where tfjs-node's own installer succeeded, on TensorFlow ${tensorflow.version}`, { timeout: 900_000 }, () => {
    let folder: string;
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'nla-stock-'));
      await assembleStockInstall(folder, tensorflow);
      vi.stubEnv('NLAKIT_CACHE', join(folder, 'cache'));
      vi.stubEnv('NLAKIT_BACKENDS', '');
      // Where TensorFlow has more processors than wasm, its products alone could make it the faster one.
      vi.stubEnv('TF_NUM_INTRAOP_THREADS', '1');
    });
    afterAll(async () => {
      vi.unstubAllEnvs();
      await rm(folder, { recursive: true, force: true });
    });

    const doctor = async () => {
      const { code, out, error } = await startNla(folder, ['doctor', '--json']).ended;
      expect({ code, error }).toMatchObject({ code: 0 });
      const diagnosis = JSON.parse(out) as Diagnosis;
      return { auto: diagnosis.auto?.use, error, row: diagnosis.backends.find(({ name }) => name === use) };
    };

    it('trains both roles to the losses of wasm, and explains', async () => {
      const wasm = await trainSmall(join(folder, 'wasm'), "{ use: '@nlakit/backend-wasm' }");
      const stock = await trainSmall(join(folder, 'stock'), `{ use: '${use}' }`);
      expectSameTraining(stock, wasm);
      const events = await readFile(join(folder, 'stock/run/events.jsonl'), 'utf8');
      expect(events).toContain(`"backend":"TensorFlow ${tensorflow.version} of @tensorflow/tfjs-node 4.22.0, stock operations (`);

      const explain = async (of: string) => {
        const args = ['explain', `${of}/run`, '--text', 'a dog that barks', '--max-new', '8', '--json'];
        const { code, out, error } = await startNla(folder, args).ended;
        expect({ code, error }).toMatchObject({ code: 0 });
        return JSON.parse(out) as { readonly output: string; readonly cos: number };
      };
      const [ours, theirs] = [await explain('wasm'), await explain('stock')];
      expect(theirs.output).toBe(ours.output);
      expect(theirs.cos).toBeCloseTo(ours.cos, 5);
    });

    it('is shown by `nla doctor`, and not what `auto` becomes: wasm has kernels that it lacks', async () => {
      const { row, auto, error } = await doctor();
      expect(row).toMatchObject({ ok: true, gflops: expect.any(Number) as unknown });
      expect(row?.description).toContain('stock operations');
      expect(auto).toBe('@nlakit/backend-wasm');
      expect(error).toContain('nla backend install tensorflow');
    });

    it('says what is missing, and what to do', async () => {
      const installed = join(folder, 'node_modules/@tensorflow/tfjs-node');
      await rm(join(installed, 'deps/lib/libtensorflow_framework.so.2'));
      const { row: broken } = await doctor();
      expect(broken).toMatchObject({ ok: false });
      expect(broken?.reason).toMatch(/tfjs-node 4\.22\.0 in .*libtensorflow_framework\.so\.2: cannot open shared object file/);
      expect(broken?.reason).toContain('nla backend install tensorflow');
      await rm(join(installed, 'lib'), { recursive: true });
      const { row: gone } = await doctor();
      expect(gone?.reason).toMatch(/has no lib\/napi-v8\/tfjs_binding\.node: its installer did not run, or failed/);
    });
  });
