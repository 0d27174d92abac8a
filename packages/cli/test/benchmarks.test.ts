import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const script = fileURLToPath(new URL('../../../scripts/benchmarks.mjs', import.meta.url));

/** Stands in for `nla bench … --json`: twice as fast as Python, in half its memory; fails on a backend that is not installed. */
const fakeProgram = `
const args = process.argv.slice(2);
if (args.includes('@nlakit/backend-tfjs-node-gpu')) {
  console.log(JSON.stringify({ error: { code: 'E_PLUGIN_UNKNOWN', message: 'There is no plugin, tried from /somewhere/of/mine' } }));
  process.exit(2);
}
const seconds = { median: 1, min: 0.5, max: 2 };
const peer = args.includes('--peer') ? { ratio: 0.5, peer: { seconds: { median: 2, min: 1, max: 4 }, peakBytes: 2 ** 31, threads: 2 } } : {};
const stock = args.includes('stock') ? { stock: { seconds: { median: 4, min: 4, max: 4 }, peakBytes: 2 ** 30, ratio: 0.25, difference: 1e-7 } } : {};
console.log(JSON.stringify({ rows: [{ case: args[1], what: args[1], seconds, peakBytes: 2 ** 30, ...peer, ...stock }], machine: {}, peer: { python: '3.99', versions: { torch: '1' } } }));
`;

interface Results {
  readonly quick: boolean;
  readonly rows: readonly {
    readonly id: string;
    readonly status: string;
    readonly reason?: string;
    readonly command: string;
    readonly targets?: readonly { readonly measured: number; readonly met: boolean }[];
  }[];
}

describe('pnpm benchmarks', () => {
  let folder: string;
  const run = async (...args: readonly string[]): Promise<{ code: number; results: Results; page: string }> => {
    const given = ['--program', join(folder, 'nla.mjs'), '--out', folder, ...args];
    const code = await promisify(execFile)(process.execPath, [script, ...given]).then(
      () => 0,
      (error: { readonly code: number }) => error.code,
    );
    const read = (name: string): Promise<string> => readFile(join(folder, name), 'utf8');
    return { code, results: JSON.parse(await read('benchmarks.json')) as Results, page: await read('benchmarks.md') };
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nla-benchmarks-'));
    await writeFile(join(folder, 'nla.mjs'), fakeProgram);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('judges every row, and goes on where one fails', async () => {
    const { code, results, page } = await run('--python', '/my/own/python', '--only', 'tiny-step-1-,generate-1-,startup-wasm');
    expect(code).toBe(1);
    const find = (id: string) => results.rows.find((row) => row.id === id);
    expect(find('tiny-step-1-wasm')).toMatchObject({ status: 'done', targets: [{ measured: 0.5, met: true }] });
    // A rate is the other way round: twice as fast is not three times.
    expect(find('generate-1-wasm')).toMatchObject({ status: 'done', targets: [{ measured: 2, met: false }] });
    expect(find('startup-wasm')).toMatchObject({ targets: [{ measured: 0.5, met: false }] });
    expect(find('tiny-step-1-tensorflow')).toMatchObject({ status: 'failed', reason: expect.stringContaining('no plugin') });
    expect(JSON.stringify(results)).not.toMatch(/\/my\/own|\/somewhere/);
    expect(page).toContain('| generate-1-wasm | tokens/s, ours / Python | 2.00 | at least 3 | **no** |');
    expect(page).toMatch(/tiny-step-1-tensorflow \| 2: There is no plugin/);
  });

  it('shows what was measured beside the shipped kernels in a table of its own', async () => {
    const { results, page } = await run('--python', 'python3', '--only', 'tiny-step-1-wasm-shipped');
    expect(results.rows.at(-1)).toMatchObject({ status: 'done', targets: [{ measured: 0.25, met: true }] });
    expect(results.rows.at(-1)?.command).toMatch(/--baseline stock --backend @nlakit\/backend-wasm$/);
    expect(page).toMatch(/tiny-step-1-wasm-shipped \| tiny-step \| 1.00 s .* \| 4.00 s .* \| 0.250 \| 1.0e-7 \|/);
  });

  it('keeps the rows that it does not run again', async () => {
    const { results } = await run('--python', 'python3', '--only', 'nf4-e2b');
    expect(results.rows.map(({ id }) => id)).toContain('tiny-step-1-wasm');
    expect(results.rows.at(-1)?.id).toBe('nf4-e2b');
    const alone = await run('--only', 'nf4-e2b');
    expect(alone.results.rows.at(-1)).toMatchObject({ id: 'nf4-e2b', targets: [] });
    // A rehearsal's figures mean nothing, so they are not mixed with real ones.
    const { results: quick, page } = await run('--quick', '--only', 'nf4-e2b');
    expect(quick.rows.map(({ id }) => id)).toEqual(['nf4-e2b']);
    expect(page).toContain('A rehearsal');
  });
});
