import type { WasmEngine } from '../wasm-engine.js';

/** C = op(A) op(B) in the heap, by {@link KernelExports.gemm} or, with helping threads, by all of them; the same bits either way. */
export function multiply(
  { kernels, helpers, scratch }: WasmEngine,
  ...operands: [
    a: number,
    lda: number,
    transposeA: boolean,
    b: number,
    ldb: number,
    transposeB: boolean,
    c: number,
    ldc: number,
    m: number,
    n: number,
    k: number,
  ]
): void {
  if (helpers === undefined) kernels.gemm(...operands, scratch);
  else kernels.sharedGemm(helpers.control, ...operands, scratch);
}
