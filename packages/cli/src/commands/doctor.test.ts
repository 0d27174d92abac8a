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
    readonly optionalArithmetic?: readonly object[];
  }[];
  readonly auto?: { readonly use: string; readonly reason: string };
}

/** An engine that starts and says of its self-test what it is told to. */
const backendOf = (test: object, arithmetic?: readonly object[]): string => `export const plugin = {
  specVersion: 'v1', kind: 'backend', name: 'mine', version: '3.2.1',
  optionsSchema: { '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) } },
  create: () => ({
    name: 'mine', description: 'my engine', memory: () => ({ liveBytes: 0, peakBytes: 0, tensors: 0 }),
    capabilities: { kernels: [], multiply: ['f32'], maxTensorBytes: 1e9, synchronousRead: true },
    selfTest: () => Promise.resolve(${JSON.stringify(test)}),
    ${arithmetic === undefined ? '' : `optionalArithmetic: () => Promise.resolve(${JSON.stringify(arithmetic)}),`}
    dispose: () => Promise.resolve(),
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

  it('says of each backend which arithmetic options would turn on, and what this machine lacks', async () => {
    const arithmetic = [
      { name: 'products in f16', options: { multiply: 'f16', depth: 2 }, support: 'native', detail: 'the adapter has them' },
      { name: 'products in bf16', options: { multiply: 'bf16' }, support: 'emulated', detail: 'no such instructions, slower' },
      { name: 'products in f8', options: { multiply: 'f8' }, support: 'missing', detail: 'no card has them' },
      { name: 'products in f4', options: { multiply: 'f4' }, support: 'unknown', detail: 'nothing tells' },
    ];
    await writeFile(join(folder, 'optional.mjs'), backendOf({ ok: true, gflops: 1, detail: 'fine' }, arithmetic));
    const { backends } = JSON.parse((await doctor('--backend', './optional.mjs', '--json')).out) as Diagnosis;
    expect(backends.at(-1)).toMatchObject({ ok: true, optionalArithmetic: arithmetic });
    const { out } = await doctor('--backend', './optional.mjs');
    expect(out).toMatch(
      /^ok {4}\.\/optional\.mjs .*\n {6}has products in f16: the adapter has them; to use it: options: \{ multiply: f16, depth: 2 \}$/m,
    );
    expect(out).toMatch(/^ {6}lacks products in bf16: no such instructions, slower$/m);
    expect(out).toMatch(/^ {6}lacks products in f8: no card has them$/m);
    expect(out).toMatch(/^ {6}may have products in f4: nothing tells; to try it: options: \{ multiply: f4 \}$/m);
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
