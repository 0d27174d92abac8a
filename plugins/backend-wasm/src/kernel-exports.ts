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
      alpha: number,
      accumulate: boolean,
      scratch: number,
    ]
  ): void;
  controlBytes(): number;
  sharedGemm(
    ...operands: [
      control: number,
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
      alpha: number,
      accumulate: boolean,
      scratch: number,
    ]
  ): void;
  sharedGeglu(control: number, gate: number, up: number, out: number, n: number, scratch: number): void;
  sharedGegluGrad(
    ...call: [control: number, gate: number, up: number, dy: number, dgate: number, dup: number, n: number, scratch: number]
  ): void;
  sharedLogSumExp(
    ...call: [control: number, logits: number, out: number, rows: number, width: number, softcap: number, scratch: number]
  ): void;
  sharedCrossEntropyGrad(
    ...call: [
      control: number,
      logits: number,
      targets: number,
      lse: number,
      dy: number,
      out: number,
      rows: number,
      width: number,
      softcap: number,
      scratch: number,
    ]
  ): void;
  sharedAttention(control: number, operands: number, scratch: number): void;
  sharedAttentionGrad(control: number, operands: number, scratch: number): void;
  serve(control: number, scratch: number): void;
  helped(control: number): number;
  abandon(control: number): void;
  dismiss(control: number): void;
  exp(x: number, out: number, n: number): void;
  tanh(x: number, out: number, n: number): void;
  dropout(...call: [x: number, out: number, n: number, limit: number, low: number, high: number, factor: number]): void;
  accumulate(x: number, out: number, n: number): void;
  geglu(gate: number, up: number, out: number, n: number): void;
  gegluGrad(gate: number, up: number, dy: number, dgate: number, dup: number, n: number): void;
  rmsNorm(x: number, weight: number, out: number, rows: number, width: number, epsilon: number): void;
  rmsNormAdd(residual: number, x: number, weight: number, out: number, rows: number, width: number, epsilon: number): void;
  rmsNormGrad(x: number, weight: number, dy: number, out: number, rows: number, width: number, epsilon: number): void;
  rope(
    ...call: [
      x: number,
      cos: number,
      sin: number,
      out: number,
      batch: number,
      tables: number,
      positions: number,
      heads: number,
      half: number,
      inverse: boolean,
    ]
  ): void;
  normRope(
    ...call: [
      x: number,
      weight: number,
      cos: number,
      sin: number,
      out: number,
      batch: number,
      tables: number,
      positions: number,
      heads: number,
      half: number,
      epsilon: number,
    ]
  ): void;
  normRopeGrad(
    ...call: [
      x: number,
      weight: number,
      cos: number,
      sin: number,
      dy: number,
      out: number,
      batch: number,
      tables: number,
      positions: number,
      heads: number,
      half: number,
      epsilon: number,
    ]
  ): void;
  attentionScoresBytes(keys: number): number;
  attention(operands: number, scratch: number): void;
  attentionGrad(operands: number, scratch: number): void;
  maskedSoftmax(
    ...call: [
      scores: number,
      valid: number,
      out: number,
      batch: number,
      heads: number,
      queries: number,
      keys: number,
      window: number,
      offset: number,
    ]
  ): void;
  softmaxGrad(y: number, dy: number, out: number, rows: number, width: number): void;
  softcapLogSumExp(logits: number, out: number, rows: number, width: number, softcap: number): void;
  softcapCrossEntropyGrad(
    ...call: [logits: number, targets: number, lse: number, dy: number, out: number, rows: number, width: number, softcap: number]
  ): void;
  nf4Unpack(codes: number, absmax: number, out: number, n: number, blockSize: number, edge: number): void;
  /** The same, rounded to bfloat16. */
  nf4UnpackBf16(codes: number, absmax: number, out: number, n: number, blockSize: number, edge: number): void;
  copyRows(from: number, fromStep: number, to: number, toStep: number, bytes: number, rows: number): void;
  gatherRows(...call: [x: number, indices: number, out: number, outer: number, size: number, count: number, bytes: number]): void;
  roundBf16(x: number, out: number, n: number): void;
  roundF16(x: number, out: number, n: number): void;
}
