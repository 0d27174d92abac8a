import { runConformance } from '@nlakit/conformance';
import { plugin } from '@nlakit/quantizer-nf4';
import { describe, expect, it } from 'vitest';
import { presentBackends } from './backends.js';

const { present, absent } = await presentBackends();

// A quantizer's own package tests it on tfjs in JavaScript; each backend has other kernels for its products.
describe('the suite of quantizers holds for NF4', () => {
  it.each(present)('on $name', async ({ start }) => {
    const { cases } = await runConformance(plugin, { engine: start });
    expect(cases.filter(({ outcome }) => outcome === 'failed').map(({ name, reason }) => `${name}: ${reason}`)).toEqual([]);
    expect(cases.find(({ name }) => name === 'quantizer: packs and multiplies at the edges')).toMatchObject({ outcome: 'passed' });
  });

  for (const { name, reason } of absent) it.skip(`on ${name} (skipped: ${reason})`);
});
