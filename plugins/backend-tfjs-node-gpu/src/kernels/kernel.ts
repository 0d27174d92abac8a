import type { Tensor, TensorInfo } from '@tensorflow/tfjs-core';

/** Inputs of a kernel by name; optional ones may be absent. */
export type Inputs = Readonly<Record<string, TensorInfo>>;

/** What tfjs calls a kernel with, and what it returns. */
export type KernelFunction = (call: {
  readonly inputs: Inputs;
  readonly attrs: Readonly<Record<string, unknown>>;
}) => Tensor | TensorInfo | (Tensor | TensorInfo)[];

/** How the kernels are to compute. */
export interface KernelSetting {
  /** What products with the frozen base multiply in. */
  readonly multiply: 'f32' | 'bf16';
  /** Whether our kernels run on this device. */
  readonly own: boolean;
}
