import { tf } from '@nlakit/ops';
import { describe, expect, it } from 'vitest';
import { allComparisons } from './all-comparisons.js';
import { presentBackends } from './backends.js';
import { runComparisons } from './run-comparisons.js';

const comparisons = allComparisons();
const { present, absent } = await presentBackends();

describe('what the reference libraries compute, this computes', () => {
  it.each(present.map((backend) => [backend.name, backend] as const))('on the backend %s', async (name, { start }) => {
    await start();
    const before = tf.memory().numTensors;
    const rows = await runComparisons(comparisons, 'backend', name);
    expect(rows.filter(({ passed }) => !passed)).toEqual([]);
    expect(rows.length).toBeGreaterThan(50);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('on the host', async () => {
    const rows = await runComparisons(comparisons, 'host', 'host');
    expect(rows.filter(({ passed }) => !passed)).toEqual([]);
    expect(rows.length).toBeGreaterThan(10);
  });

  it.skip.each(absent.map(({ name, reason }) => [name, reason]))('on %s (skipped: %s)', () => {});

  it('under names that tell the comparisons of a group apart', () => {
    const names = comparisons.map(({ group, comparison, reference, quantity }) => [group, comparison, reference, quantity].join('; '));
    expect(new Set(names).size).toBe(names.length);
  });
});
