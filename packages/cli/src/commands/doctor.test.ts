import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { knownBackends } from '../host.js';
import { runIn } from '../../test/support/run-in.js';

interface Diagnosis {
  readonly backends: readonly {
    readonly name: string;
    readonly ok: boolean;
    readonly reason?: string;
    readonly version?: string;
    readonly capabilities?: object;
    readonly gflops?: number;
  }[];
  readonly auto?: { readonly use: string; readonly reason: string };
}

/** An engine that starts and says of its self-test what it is told to. */
const backendOf = (test: object): string => `export const plugin = {
  specVersion: 'v1', kind: 'backend', name: 'mine', version: '3.2.1',
  optionsSchema: { '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) } },
  create: () => ({
    name: 'mine', description: 'my engine', memory: () => ({ liveBytes: 0, peakBytes: 0, tensors: 0 }),
    capabilities: { kernels: [], multiply: ['f32'], maxTensorBytes: 1e9, synchronousRead: true },
    selfTest: () => Promise.resolve(${JSON.stringify(test)}), dispose: () => Promise.resolve(),
  }),
};`;

describe('nla doctor', () => {
  let folder: string;
  const doctor = (...args: readonly string[]) => runIn(folder, ['doctor', ...args]);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nla-doctor-'));
    await writeFile(join(folder, 'right.mjs'), backendOf({ ok: true, gflops: 1e6, detail: 'fine' }));
    await writeFile(join(folder, 'wrong.mjs'), backendOf({ ok: false, gflops: 1e6, detail: 'tanh is off by 2' }));
    await writeFile(join(folder, 'torn.mjs'), 'export const plugin = ');
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('shows every known backend with what it can, or why it cannot be used', async () => {
    const { code, out } = await doctor('--json');
    expect(code).toBe(0);
    const { backends, auto } = JSON.parse(out) as Diagnosis;
    expect(backends.map(({ name }) => name)).toEqual(knownBackends);
    expect(backends[0]).toMatchObject({
      ok: true,
      version: expect.any(String),
      gflops: expect.any(Number),
      capabilities: { multiply: ['f32'] },
    });
    for (const { ok, reason } of backends) if (!ok) expect(reason).toMatch(/\w/);
    // The tests let `auto` be wasm alone.
    expect(auto).toEqual({ use: '@nlakit/backend-wasm', reason: 'the only one that passes its self-test' });
  });

  it("shows somebody else's backend, right, wrong or torn", async () => {
    const last = async (use: string) => (JSON.parse((await doctor('--backend', use, '--json')).out) as Diagnosis).backends.at(-1);
    expect(await last('./right.mjs')).toMatchObject({ name: './right.mjs', ok: true, version: '3.2.1', gflops: 1e6 });
    expect(await last('./wrong.mjs')).toMatchObject({ ok: false, reason: 'tanh is off by 2' });
    expect(await last('./torn.mjs')).toMatchObject({ ok: false, reason: expect.stringContaining('loading it failed') });
    const { out } = await doctor('--backend', './wrong.mjs');
    expect(out).toMatch(/^ok +@nlakit\/backend-wasm/m);
    expect(out).toMatch(/^no +\.\/wrong\.mjs: tanh is off by 2$/m);
    expect(out).toMatch(/^backend: auto would be @nlakit\/backend-wasm/m);
  });
});
