import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { createAsker } from './asker.js';
import type { BenchRow } from './bench-case.js';
import { createTurns } from './measure-in-turn.js';
import type { MeasuringProcess } from './measuring-process.js';
import { runIn } from '../../test/support/run-in.js';

const built = existsSync(fileURLToPath(new URL('../../dist/bin.js', import.meta.url)));

const once = ['--repeats', '1', '--warmup', '0'];

function nla(...args: readonly string[]): Promise<{ code: number; out: string; error: string }> {
  return runIn(tmpdir(), ['bench', ...args]);
}

describe('nla bench --baseline stock', () => {
  it.skipIf(!built)(`measures the shipped kernels in turn with ours${built ? '' : ' (skipped: no built program)'}`, async () => {
    const { code, out, error } = await nla(
      'tiny-step',
      '--only',
      '#plain, batch 1 of',
      '--length',
      '8',
      ...once,
      '--baseline',
      'stock',
      '--json',
    );
    expect(error).not.toContain('E_');
    expect(code).toBe(0);
    const { rows } = JSON.parse(out) as { rows: BenchRow[] };
    expect(rows).toHaveLength(1);
    const { seconds, stock } = rows[0] as BenchRow;
    expect(stock?.ratio).toBe(seconds.median / (stock?.seconds.median ?? Number.NaN));
    expect(stock?.peakBytes).toBeGreaterThan(2 ** 20);
    expect(stock?.difference).toBeLessThan(1e-5);
    const generated = await nla('generate', '--only', '#plain, 1 x', ...once, '--baseline', 'stock');
    expect(generated.out).toMatch(/stock +stock peak +ratio to stock\n.* \d\S* s +\S+ MiB +\d\S*x\n?$/);
  });

  it('is refused where there is nothing of the kind', async () => {
    const other = await nla('tiny-step', '--baseline', 'stock', '--backend', '@nlakit/backend-webgpu');
    expect(other.code).toBe(2);
    expect(other.error).toMatch(/@nlakit\/backend-webgpu[\s\S]*@nlakit\/backend-wasm/);
    const load = await nla('load', '--baseline', 'stock');
    expect(load.code).toBe(2);
    expect(load.error).toMatch(/generate, tiny-step, e2b-step/);
  });
});

describe('turns', () => {
  const computing = (computed: readonly number[]): MeasuringProcess => ({
    facts: {},
    startSeconds: 0,
    measure: () => Promise.resolve({ seconds: 4, peakBytes: 7, computed }),
    close: () => Promise.resolve(),
  });

  it('compare what was computed, and refuse to compare times of different work', async () => {
    const take = async (ours: readonly number[], theirs: readonly number[]): Promise<number | undefined> => {
      const turns = createTurns({ stock: computing(theirs) }, 0);
      await turns.next({ seconds: 2, computed: ours });
      const { stock } = turns.compare({ median: 2, min: 2, max: 2 });
      expect(stock).toMatchObject({ ratio: 0.5, peakBytes: 7 });
      return stock?.difference;
    };
    expect(await take([8.5], [8.5])).toBe(0);
    expect(await take([8.5], [8.5 * (1 + 2 ** -20)])).toBeCloseTo(2 ** -20, 9);
    // Rounding may turn a word, and then the rest of one of several texts; not most of them.
    expect(await take([3, 4, 5, 6], [3, 4, 5, 7])).toBe(0.25);
    for (const theirs of [[8.51], [Number.NaN], []]) await expect(take([8.5], theirs)).rejects.toMatchObject({ code: 'E_BENCH' });
    await expect(take([3, 4, 5, 6], [3, 5, 6, 7])).rejects.toMatchObject({ code: 'E_BENCH' });
  });

  it('answer a process that asks for them', async () => {
    const input = new PassThrough();
    const written: string[] = [];
    const asker = createAsker(input, (line) => written.push(line), 2);
    const turns = createTurns({ asker }, 0);
    const begun = turns.begin();
    expect(written).toEqual(['{}\n']);
    input.write('\n');
    await begun;
    const answered = turns.next({ seconds: 2, computed: [8.5] });
    input.end();
    // One was still to come.
    await expect(answered).rejects.toMatchObject({ code: 'E_INTERRUPTED' });
    expect(JSON.parse(written[1] ?? '')).toEqual({ seconds: 2, computed: [8.5], peakBytes: expect.any(Number) });
  });
});
