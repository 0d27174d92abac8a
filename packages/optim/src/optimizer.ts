import type { JsonValue } from '@nlakit/core';

/** All that an optimizer must remember. The arrays are copies: later steps do not change them. */
export interface OptimizerState {
  /** Steps taken. */
  readonly step: number;
  /** Named `<parameter>.state1`, `.state2` (first and second moments) and, if they are stored in 8 bits, `.absmax1`, `.absmax2`. */
  readonly tensors: ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float32Array | Uint8Array }>;
  /** What must be equal for a resume: algorithm, betas, epsilon, weight decay, block size, hashes of the code books. */
  readonly hyperparameters: Readonly<Record<string, JsonValue>>;
}

/** Updates parameters in host memory from their gradients. The same inputs give the same bytes. */
export interface Optimizer {
  /**
   * One update of all parameters, in place. Every parameter needs a gradient of its length, at every step the same parameters.
   * Nothing is changed if a gradient is unusable: `E_OPTIM_GRADIENT` (not finite), `E_OPTIM_PARAMETERS` (missing, wrong length).
   * Returns the L2 norm of the change of all parameters together, in f64.
   *
   * @param options.finite whether all gradients are known to be finite, as `gradientNorm` and `clipGradients` find out: then nobody looks again
   */
  step(
    params: ReadonlyMap<string, Float32Array>,
    gradients: ReadonlyMap<string, Float32Array>,
    learningRate: number,
    options?: { readonly finite?: boolean },
  ): number;
  state(): OptimizerState;
  /** Goes on from a saved state. Throws `E_OPTIM_RESTORE` if it belongs to another algorithm or other hyperparameters. */
  restore(state: OptimizerState): void;
  /** Bytes of state for one parameter of `length` elements, for the memory plan. */
  bytes(length: number): number;
}
