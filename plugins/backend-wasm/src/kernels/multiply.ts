import { moduleOf } from '../wasm-engine.js';
import type { WasmEngine } from '../wasm-engine.js';

/** A matrix in the heap, row after row, `row` floats from one row to the next. */
export interface Matrix {
  readonly address: number;
  readonly row: number;
  readonly transposed?: boolean;
}

/** The sizes of a product `[m, k]` by `[k, n]`, both as multiplied, and what becomes of it. */
export interface Product {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Factor on the product; 1 if left out. */
  readonly alpha?: number;
  /** Whether the product is added to what is there. */
  readonly accumulate?: boolean;
}

/**
 * C = alpha op(A) op(B) in the heap, by {@link KernelExports.gemm} or, with helping threads, by all of them; the same bits either way. A
 * product of size 0 is nothing to do, and one over nothing is zeros.
 */
export function multiply(
  { kernels, helpers, scratch, backend }: WasmEngine,
  a: Matrix,
  b: Matrix,
  c: Matrix,
  { m, n, k, alpha = 1, accumulate = false }: Product,
): void {
  if (m === 0 || n === 0) return;
  if (k === 0) {
    if (!accumulate) moduleOf(backend).HEAPU8.fill(0, c.address, c.address + m * n * 4);
    return;
  }
  const [ta, tb] = [a.transposed === true, b.transposed === true];
  if (helpers === undefined)
    kernels.gemm(a.address, a.row, ta, b.address, b.row, tb, c.address, c.row, m, n, k, alpha, accumulate, scratch);
  else
    kernels.sharedGemm(helpers.control, a.address, a.row, ta, b.address, b.row, tb, c.address, c.row, m, n, k, alpha, accumulate, scratch);
}
