import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BenchRow } from './bench-case.js';
import { runIn } from '../../test/support/run-in.js';

/** Stands in for Python: says which script it was given and with which settings, and takes as long as it is told. */
const fakePython = `#!${process.execPath}
const { basename } = require('node:path');
const { createInterface } = require('node:readline');
const { FAKE_MISSING, FAKE_DIES } = process.env;
const script = basename(process.argv[2]);
const say = (value) => console.log(JSON.stringify(value));
if (script === 'environment.py') {
  const versions = Object.fromEntries(process.argv.slice(3).filter((name) => name !== FAKE_MISSING).map((name) => [name, '1.2']));
  say({ python: '3.99', versions, missing: FAKE_MISSING === undefined ? [] : [FAKE_MISSING] });
} else {
  let lines = 0;
  createInterface({ input: process.stdin }).on('line', (line) => {
    if (lines++ === 0) return say({ threads: 7, script, settings: line });
    if (FAKE_DIES !== undefined) {
      console.error('MemoryError: no room');
      process.exit(3);
    }
    // The first does not count.
    say({ seconds: lines === 2 ? 1000 : lines - 2, peakBytes: 1000 * lines, passSeconds: lines - 2 });
  });
}
`;

describe('nla bench --peer', () => {
  let folder: string;
  let python: string;
  const nla = async (args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
    Object.assign(process.env, env);
    try {
      return await runIn(folder, ['bench', ...args]);
    } finally {
      for (const name of Object.keys(env)) Reflect.deleteProperty(process.env, name);
    }
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nla-peer-'));
    python = join(folder, 'python');
    await writeFile(python, fakePython);
    await chmod(python, 0o755);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('measures Python in turn with ours, and puts its figures beside ours', async () => {
    const args = ['tiny-step', '--only', '#plain, batch 1 of', '--length', '8', '--repeats', '3', '--peer', python, '--json'];
    const { code, out } = await nla(args);
    expect(code).toBe(0);
    const { rows, peer } = JSON.parse(out) as { rows: BenchRow[]; peer: unknown };
    expect(peer).toEqual({ python: '3.99', versions: { torch: '1.2', transformers: '1.2', peft: '1.2' } });
    expect(rows).toHaveLength(1);
    const [row] = rows;
    expect(row?.peer).toMatchObject({ seconds: { median: 2, min: 1, max: 3 }, peakBytes: 5000, threads: 7 });
    expect(row?.ratio).toBeCloseTo((row?.seconds.median ?? Number.NaN) / 2, 12);
    expect(row?.peer?.details).toMatchObject({ script: 'tiny_step.py', passSeconds: 2 });
    const settings = JSON.parse(String(row?.peer?.details['settings'])) as unknown;
    expect(settings).toMatchObject({ rank: 16, alpha: 32, batch: 1, length: 8, model: expect.stringMatching(/tiny-gemma4.model$/) });
  });

  it('starts a fresh Python each time where starting is what is measured', async () => {
    const { code, out, error } = await nla([
      'startup',
      '--only',
      'training step',
      '--repeats',
      '1',
      '--warmup',
      '0',
      '--peer',
      python,
      '--json',
    ]);
    if (code === 1) expect(error).toContain('E_BENCH');
    else {
      const { rows } = JSON.parse(out) as { rows: BenchRow[] };
      // The seconds of the process, not those that the script says.
      expect(rows[0]?.peer?.seconds.median).toBeLessThan(100);
      expect(rows[0]?.peer).toMatchObject({ threads: 7, peakBytes: 2000 });
    }
  });

  it('shows the comparison in its table', async () => {
    const { out } = await nla(['load', '--repeats', '1', '--warmup', '0', '--peer', python]);
    const [header, plain, , packed] = out.split('\n');
    expect(header).toMatch(/peak +Python +Python peak +ratio$/);
    expect(plain).toMatch(/1000 s +\d.*x$/);
    expect(packed).not.toMatch(/x$/);
  });

  it('says what a Python lacks, that it does not run, and how it failed', async () => {
    const lacking = await nla(['load', '--peer', python], { FAKE_MISSING: 'transformers' });
    expect(lacking.code).toBe(2);
    expect(lacking.error).toMatch(/E_BENCH_PEER[\s\S]*without transformers[\s\S]*pip install/);
    const absent = await nla(['load', '--peer', './no-such-python']);
    expect(absent.code).toBe(2);
    expect(absent.error).toMatch(/E_BENCH_PEER[\s\S]*no-such-python/);
    const died = await nla(['load', '--peer', python], { FAKE_DIES: '1' });
    expect(died.code).toBe(1);
    expect(died.error).toMatch(/E_BENCH_PEER[\s\S]*ended with 3[\s\S]*MemoryError: no room/);
  });

  it('refuses a case without a counterpart, and rows that are not there', async () => {
    expect((await nla(['extract', '--peer', python])).code).toBe(2);
    expect((await nla(['load', '--only', 'nothing of the kind'])).code).toBe(2);
    expect((await nla(['load', '--set', 'seed=3'])).code).toBe(2);
  });
});

it('does the same work as the Python stack', { tags: ['python'] }, async (test) => {
  const python = process.env['NLAKIT_PYTHON'] ?? 'python3';
  let said = '';
  const bench = async (...args: readonly string[]): Promise<BenchRow[]> => {
    const { code, out, error } = await runIn(tmpdir(), ['bench', ...args, '--repeats', '1', '--peer', python, '--json']);
    said = out + error;
    return code === 0 ? (JSON.parse(out) as { rows: BenchRow[] }).rows : [];
  };
  const steps = await bench('tiny-step', '--only', '#plain, batch 1 of', '--length', '32');
  if (steps.length === 0 && said.includes('E_BENCH_PEER')) {
    // The usual reporter keeps the reason of a skip to itself.
    process.stderr.write(`Benchmarks beside Python are skipped: ${said}\n`);
    return test.skip('no Python with the libraries');
  }
  expect(steps[0]?.peer?.details['trained']).toBe(steps[0]?.details?.['trained']);
  // Random tokens: both models are as surprised as a model of 4096 words is.
  expect(steps[0]?.peer?.details['loss']).toBeGreaterThan(8);
  const generated = await bench('generate', '--only', '#plain, 8 x', '--length', '8');
  expect(generated[0]?.peer?.details['newTokens']).toBe(512);
  for (const case_ of ['load', 'nf4']) expect((await bench(case_)).map(({ ratio }) => ratio ?? 1).every((ratio) => ratio > 0)).toBe(true);
});
