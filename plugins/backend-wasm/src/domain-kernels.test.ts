import { describeDomainKernels } from '@nlakit/ops/testing';
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
  describeDomainKernels(vitest, 'wasm', async () => {
    await createWasmBackend({ kernels: 'stock' });
  });
});
