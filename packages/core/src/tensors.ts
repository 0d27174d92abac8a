import type { Tensor } from '@tensorflow/tfjs-core';

/** A row-major float32 tensor in host memory. */
export interface HostTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Names to tensors on the current backend. The receiver does not own them unless its documentation says so. */
export type NamedTensors = Readonly<Record<string, Tensor>>;

/** Median, mean, quantiles and extremes of a sample. */
export interface Summary {
  readonly count: number;
  readonly mean: number;
  readonly median: number;
  readonly minimum: number;
  readonly maximum: number;
  readonly standardDeviation: number;
}
