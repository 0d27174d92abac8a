import type { Tensor, Tensor2D } from '@tensorflow/tfjs-core';
import type { LoraTerm } from './lora.js';

/** The rows of a weight matrix `[out, in]`, read a few at a time so that a large matrix is never whole in memory. */
export interface RowSource {
  /** The dtype that the checkpoint holds them in (`F32`, `BF16`, `F16`), where they come from one. */
  readonly dtype?: string;
  /** Rows `[start, start + count)` as f32, row-major. */
  read(start: number, count: number): Promise<Float32Array>;
}

/** A weight `[out, in]` as a quantizer keeps it. Opaque to the model; `dispose` frees its tensors. */
export interface PackedWeight {
  readonly shape: readonly [out: number, inn: number];
  /** Bytes it occupies on the backend. */
  readonly bytes: number;
  dispose(): void;
}

/** Packs a linear layer's weight and multiplies by it. The model never knows which quantizer it has. */
export interface Quantizer {
  readonly name: string;
  pack(rows: RowSource, shape: readonly [out: number, inn: number]): Promise<PackedWeight>;
  /**
   * The weight from a checkpoint that was stored in this quantizer's own layout, or `undefined` if the checkpoint holds a plain
   * weight under that name and {@link pack} should be used.
   */
  packStored?(stored: StoredTensors, weightName: string, shape: readonly [out: number, inn: number]): Promise<PackedWeight | undefined>;
  /** The weight as f32 `[out, in]`; the caller disposes it. */
  unpack(weight: PackedWeight): Tensor2D;
  /** `x [..., in]` times the transposed weight: `[..., out]`. Differentiable in `x`. */
  linear(x: Tensor, weight: PackedWeight): Tensor;
  /**
   * {@link linear} and the term of a LoRA pair in one, `[rows, in]` to `[rows, out]`: faster than adding up, with the same meaning.
   * Differentiable in `x` and the pair. Absent: the caller adds up.
   */
  adaptedLinear?(x: Tensor2D, weight: PackedWeight, term: LoraTerm): Tensor2D;
  /** Bytes a weight of that shape will occupy, for the memory plan. */
  bytes(shape: readonly [out: number, inn: number]): number;
  /** What the sidecar and `run.json` record: block size, double quantisation. */
  readonly record: Readonly<Record<string, string | number | boolean>>;
}

/** The tensors of a checkpoint by name, as far as a quantizer needs them. */
export interface StoredTensors {
  has(name: string): boolean;
  names(): Iterable<string>;
  /** The stored bytes of one tensor with its dtype (`F32`, `BF16`, `U8`) and shape. */
  bytes(name: string): Promise<{ readonly dtype: string; readonly shape: readonly number[]; readonly data: Uint8Array }>;
}
