import { describeDomainKernels, type TestRunner } from '@nlakit/ops/testing';
import * as vitest from 'vitest';
import { createWasmBackend, supportsRelaxedSimd } from './index.js';

vitest.describe('plain SIMD', () => {
  describeDomainKernels(vitest, 'wasm', async () => {
    await createWasmBackend({ relaxedSimd: 'off' });
  });
});

vitest.describe.skipIf(!supportsRelaxedSimd())(
  supportsRelaxedSimd() ? 'relaxed SIMD' : 'relaxed SIMD (skipped: this JavaScript engine has none)',
  () => {
    describeDomainKernels(vitest, 'wasm', async () => {
      await createWasmBackend({ relaxedSimd: 'auto' });
    });
  },
);

vitest.describe('the kernels of tfjs-backend-wasm', () => {
  // It does not mind tensors without elements: it divides by zero, or sums them to whatever the memory holds.
  const withElements: TestRunner = {
    ...vitest,
    it: (name, body) => {
      if (/ of (0 rows|no positions)$/.test(name)) vitest.it.skip(`${name} (skipped: tfjs-backend-wasm gets it wrong)`, body);
      else vitest.it(name, body);
    },
  };
  describeDomainKernels(withElements, 'wasm', async () => {
    await createWasmBackend({ kernels: 'stock' });
  });
});
