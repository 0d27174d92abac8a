import { runConformance } from '@nlakit/conformance';
import { plugin } from '@nlakit/quantizer-nf4';
import { describe, expect, it } from 'vitest';
import { notInstalled } from './__fixtures__/not-installed.js';
import { createTensorflowBackend } from './index.js';

const reason = await notInstalled();

describe.skipIf(reason !== undefined)(`NF4 on TensorFlow${reason === undefined ? '' : ` (skipped: ${reason})`}`, () => {
  it.each(['own', 'stock'] as const)('passes the suite of quantizers with %s kernels', async (kernels) => {
    const { cases } = await runConformance(plugin, { engine: () => createTensorflowBackend({ kernels }) });
    expect(cases.filter(({ outcome }) => outcome === 'failed').map(({ name, reason: why }) => `${name}: ${why}`)).toEqual([]);
    expect(cases.find(({ name }) => name === 'quantizer: packs and multiplies at the edges')).toMatchObject({ outcome: 'passed' });
  });
});
