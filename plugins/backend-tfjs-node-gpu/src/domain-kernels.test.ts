import { describeDomainKernels } from '@nlakit/ops/testing';
import * as vitest from 'vitest';
import { notInstalled } from './__fixtures__/not-installed.js';
import { createTensorflowBackend } from './index.js';

const reason = await notInstalled();

// The conformance suite runs the kernels of our own; this is what a GPU and a stock installation compute with.
vitest.describe.skipIf(reason !== undefined)(`TensorFlow's own operations${reason === undefined ? '' : ` (skipped: ${reason})`}`, () => {
  describeDomainKernels(vitest, 'tensorflow', async () => {
    await createTensorflowBackend({ kernels: 'stock' });
  });
});
