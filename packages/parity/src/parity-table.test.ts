import { describe, expect, it } from 'vitest';
import { measure, type Comparison } from './comparison.js';
import { createContext } from './parity-context.js';
import type { ParityResult, ParityRow } from './parity-row.js';
import { parityDocument } from './parity-table.js';

const row: ParityRow = {
  group: 'forward',
  comparison: 'logits',
  backend: 'wasm',
  reference: 'transformers',
  quantity: 'max |Δ|',
  maxError: 1.25e-5,
  tolerance: 3e-4,
  passed: true,
};
const result = (...rows: ParityRow[]): ParityResult => ({ rows, machine: { cores: 2 }, versions: { engine: '1.0' } });

describe('the parity table', () => {
  it('has a line per comparison, a column per backend and a gap where a backend was not asked', () => {
    const text = parityDocument({
      ours: result(row, { ...row, backend: 'cpu', maxError: 0 }, { ...row, comparison: 'loss', backend: 'cpu' }),
      absent: [{ name: 'webgpu', reason: 'not installed' }],
    });
    expect(text).toContain('| logits | transformers | max \\|Δ\\| | 1.3e-5 | 0 | 3.0e-4 | pass |');
    expect(text).toContain('| loss | transformers | max \\|Δ\\| |  | 1.3e-5 | 3.0e-4 | pass |');
    expect(text).toContain('| not run on webgpu | not installed |');
    expect(text).toContain('**3 of 3 measurements pass.**');
  });

  it('shows what failed and why, and takes the rows of the Python command in', () => {
    const failed = { ...row, group: 'peft', backend: 'python', maxError: Infinity, passed: false, note: 'no such file' };
    const text = parityDocument({ ours: result(row), absent: [], python: result(failed) });
    expect(text).toContain('**1 of 2 measurements pass.** 1 fail.');
    expect(text).toContain('| ∞ | 3.0e-4 | **FAIL** |');
    expect(text).toContain('- logits, python: no such file');
    expect(text).toContain('## peft');
  });
});

describe('measuring', () => {
  const context = createContext({ backend: 'none' });
  const comparison: Comparison = { ...row, place: 'host', run: () => Promise.resolve({ maxError: 3e-4 }) };

  it('passes at the tolerance, and neither above it nor where nothing was measured', async () => {
    const passes = async (change: Partial<Comparison>): Promise<boolean> => (await measure({ ...comparison, ...change }, context)).passed;
    expect(await passes({})).toBe(true);
    expect(await passes({ tolerance: 2.9e-4 })).toBe(false);
    expect(await passes({ run: () => Promise.resolve({ maxError: NaN }) })).toBe(false);
  });

  it('makes a failed row of an error', async () => {
    const thrown = await measure({ ...comparison, run: () => Promise.reject(new Error('cut off')) }, context);
    expect(thrown).toMatchObject({ backend: 'host', passed: false, maxError: Infinity, note: 'cut off' });
  });
});
