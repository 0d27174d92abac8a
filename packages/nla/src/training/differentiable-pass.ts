import type { ForwardInput, ForwardOutput } from '@nlakit/core';
import type { tf } from '@nlakit/ops';

/** A pass through the model and the loss taken on what it gives back. */
export interface DifferentiablePass {
  readonly input: ForwardInput;
  /** Called while gradients are recorded. */
  loss(output: ForwardOutput): tf.Scalar;
}

/** Takes the gradients of the variables, in their order; `undefined` for one that is not reached. Does not dispose them. */
export type GradientSink = (gradients: readonly (tf.Tensor | undefined)[]) => Promise<void>;
