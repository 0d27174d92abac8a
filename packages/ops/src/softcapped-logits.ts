import type { Tensor2D } from '@tensorflow/tfjs-core';
import { linear } from './linear.js';
import { softcapped } from './softcap-log-sum-exp.js';
import { tf } from './tensorflow.js';

/** What {@link softcappedLogits} needs. */
export interface SoftcappedLogitsOptions {
  /** `[row, dModel]`, after the final norm. */
  readonly hidden: Tensor2D;
  /** `[vocabulary, dModel]`, the unscaled (tied) embedding table. */
  readonly table: Tensor2D;
  /** `softcap * tanh(logit / softcap)`; 0 leaves the logits as they are. */
  readonly softcap: number;
}

/** The logits of a language model head with softcap, `[row, vocabulary]`. Differentiable in `hidden` and `table`. */
export function softcappedLogits({ hidden, table, softcap }: SoftcappedLogitsOptions): Tensor2D {
  return tf.tidy(() => softcapped(linear(hidden, table) as Tensor2D, softcap));
}
