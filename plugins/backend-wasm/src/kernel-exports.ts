/** What the compiled module of `assembly/` exports. Every pointer is a byte offset in the heap, every count a number of elements. */
export interface KernelExports {
  gemmScratchBytes(): number;
  gemm(
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
      scratch: number,
    ]
  ): void;
  exp(x: number, out: number, n: number): void;
  tanh(x: number, out: number, n: number): void;
  accumulate(x: number, out: number, n: number): void;
  geglu(gate: number, up: number, out: number, n: number): void;
  gegluGrad(gate: number, up: number, dy: number, dgate: number, dup: number, n: number): void;
}
