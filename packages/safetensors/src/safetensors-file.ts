import type { StoredTensors } from '@nlakit/core';
import type { TensorInfo } from './header.js';

/** Tensors on disk, read in ranges. What a quantizer asks for ({@link StoredTensors}) is part of it. */
export interface SafetensorsFile extends StoredTensors {
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** `__metadata__`; of a sharded model, that of all shards together. */
  readonly metadata: Readonly<Record<string, string>>;
  has(name: string): boolean;
  names(): Iterable<string>;
  /** The stored bytes of one tensor. Throws `E_SAFETENSORS_TENSOR_NOT_FOUND` and `E_SAFETENSORS_READ`, as do the others. */
  bytes(name: string): Promise<{ readonly dtype: string; readonly shape: readonly number[]; readonly data: Uint8Array }>;
  /** The stored bytes piece by piece, `pieceBytes` at a time (default 16 MiB). */
  stream(name: string, pieceBytes?: number): AsyncIterable<Uint8Array>;
  /** All values as f32, row-major. F32, BF16 and F16 only; throws `E_SAFETENSORS_DTYPE` otherwise. */
  float32(name: string): Promise<Float32Array>;
  /** Rows `[start, start + count)` along the first dimension as f32; only their bytes are read. Throws `E_SAFETENSORS_RANGE`. */
  rows(name: string, start: number, count: number): Promise<Float32Array>;
  /** Where a tensor's bytes lie, for a reader that has to be synchronous. */
  locate(name: string): TensorLocation;
  close(): Promise<void>;
}

/** The bytes `[position, position + bytes)` of a file. */
export interface TensorLocation {
  readonly file: string;
  readonly position: number;
  readonly bytes: number;
}
