import { mkdtemp, readFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import type { BenchRow } from '../bench/bench-case.js';
import { summarize } from '../bench/summarize.js';
import { runCli } from '../index.js';

const built = fileURLToPath(new URL('../../dist/bin.js', import.meta.url));

describe('nla bench', () => {
  let folder: string;
  const nla = async (args: readonly string[], signal = new AbortController().signal): Promise<{ code: number; out: string }> => {
    let out = '';
    const io = { terminal: false, interactive: false, color: false, columns: 80, cwd: folder, signal };
    const code = await runCli(['bench', ...args], { ...io, out: (text) => (out += text), error: () => undefined });
    return { code, out };
  };
  const rowsOf = async (args: readonly string[]): Promise<BenchRow[]> => {
    const { code, out } = await nla([...args, '--json']);
    expect(code).toBe(0);
    const { rows, machine } = JSON.parse(out) as { rows: BenchRow[]; machine: Record<string, unknown> };
    expect(machine).toMatchObject({ node: process.version, cores: expect.any(Number), memoryBytes: expect.any(Number) });
    for (const { case: name, seconds, peakBytes, rate, what } of rows) {
      expect(name).toBe(args[0]);
      expect(what).not.toBe('');
      expect(seconds.min).toBeGreaterThan(0);
      expect(seconds.median).toBeGreaterThanOrEqual(seconds.min);
      expect(seconds.max).toBeGreaterThanOrEqual(seconds.median);
      expect(peakBytes).toBeGreaterThan(2 ** 20);
      if (rate !== undefined) expect(rate).toBeGreaterThan(0);
    }
    return rows;
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nla-bench-'));
  });

  it('measures loading, and records it', async () => {
    const rows = await rowsOf(['load', '--out', 'load.json']);
    expect(rows.map(({ what, backend }) => [what, backend])).toEqual([
      ['@nlakit/ops#plain', '@nlakit/backend-wasm'],
      ['@nlakit/ops#plain, and its first token', '@nlakit/backend-wasm'],
      ['@nlakit/quantizer-nf4', '@nlakit/backend-wasm'],
      ['@nlakit/quantizer-nf4, and its first token', '@nlakit/backend-wasm'],
    ]);
    expect(rows[0]?.rateUnit).toBe('weights/s');
    const recorded = JSON.parse(await readFile(join(folder, 'load.json'), 'utf8')) as { rows: unknown; writtenAt: string };
    expect(recorded.rows).toEqual(rows);
    expect(Number.isNaN(Date.parse(recorded.writtenAt))).toBe(false);
  });

  it.skipIf(!existsSync(built))('measures fresh processes', async () => {
    const rows = await rowsOf(['startup', '--repeats', '1']);
    expect(rows.map(({ what }) => what)).toEqual([
      'nla --version',
      'first token of the bundled model',
      'first training step of the bundled model',
    ]);
    expect(rows[1]?.seconds.median).toBeGreaterThan(rows[0]?.seconds.median ?? Infinity);
  });

  it('measures the reading of activations, of one block and of three at once', async () => {
    const rows = await rowsOf(['extract', '--length', '16', '--repeats', '1']);
    expect(rows.map(({ what, rateUnit }) => [what, rateUnit])).toEqual([
      ['64 texts of 16 tokens, 10 positions, block 5, NF4', 'tokens/s'],
      ['64 texts of 16 tokens, 10 positions, blocks 3, 5, 7, NF4', 'tokens/s'],
    ]);
    // 640 vectors of a block, three times as many of three.
    expect(rows.map(({ details }) => details?.['vectors'])).toEqual([640, 1920]);
  });

  it('measures packing and products', { tags: ['slow'] }, async () => {
    const rows = await rowsOf(['nf4', '--length', '16']);
    expect(rows.filter(({ what }) => what.startsWith('quantize'))).toHaveLength(4);
    expect(rows.map(({ what }) => what)).toContain('linear of 16 rows, float32');
  });

  it('measures generation and training steps', { tags: ['slow'] }, async () => {
    expect((await rowsOf(['generate', '--length', '8'])).map(({ rateUnit }) => rateUnit)).toEqual(Array(4).fill('tokens/s'));
    expect((await rowsOf(['tiny-step', '--length', '16'])).map(({ details }) => Number(details?.['trained']) > 0)).toEqual(
      Array(4).fill(true),
    );
  });

  it('prints a table, and refuses what it does not know', async () => {
    const { out } = await nla(['extract', '--length', '16', '--repeats', '1']);
    expect(out.split('\n')[0]).toMatch(/^case +what +backend +median +min +max +processor +rate +peak$/);
    expect((await nla(['nothing'])).code).toBe(2);
    expect((await nla(['load', '--length', '2'])).code).toBe(2);
    expect((await nla(['load', '--peer', 'python'])).code).toBe(2);
    expect((await nla(['load'], AbortSignal.abort())).code).toBe(130);
  });
});

it('summarises an odd and an even number of measurements', () => {
  expect(summarize([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3 });
  expect(summarize([4, 1, 2, 3])).toEqual({ median: 2.5, min: 1, max: 4 });
  expect(() => summarize([])).toThrow(RangeError);
});
