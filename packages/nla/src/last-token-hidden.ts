import {
  blockOutput,
  type ForwardInput,
  type ForwardOutput,
  type Model,
  NlaError,
  type PerLayerIds,
  type RandomStream,
} from '@nlakit/core';
import { tf } from '@nlakit/ops';
import { padRight } from './pad-right.js';

/** A pass that reads the residual stream at the last token of prompts. */
export interface LastTokenPass {
  /** Blocks 0 to K run, nothing behind them, and no final norm. Padding stands on the right. */
  readonly input: ForwardInput;
  /** The residual stream at the last token of each prompt's own, `[rows, dModel]`, from the pass's output. Differentiable. */
  select(output: ForwardOutput): tf.Tensor2D;
}

/** Options of {@link lastTokenPass} and {@link lastTokenHidden}. */
export interface LastTokenOptions {
  readonly perLayerIds?: PerLayerIds;
  readonly dropout?: RandomStream;
}

/** The pass that ends after block `layer` and is read at the last real token of each prompt. */
export function lastTokenPass(
  prompts: readonly Int32Array[],
  layer: number,
  { padId, ...options }: LastTokenOptions & { readonly padId: number },
): LastTokenPass {
  const padded = padRight(prompts, padId);
  const name = blockOutput(layer);
  const last = prompts.map((prompt, row) => row * padded.length + prompt.length - 1);
  return {
    input: { ...padded, ...options, stopAfterBlock: layer, capture: [name], final: false },
    select(output) {
      const hidden = output.hidden[name];
      if (hidden === undefined) {
        throw new NlaError('E_HOOK_POINT', { message: 'The model did not give back the hook point it was asked for.', expected: name });
      }
      return tf.tidy(() => {
        const flat = tf.reshape(hidden, [padded.batch * padded.length, hidden.shape[2]]);
        return tf.gather(flat, tf.tensor1d(last, 'int32')) as tf.Tensor2D;
      });
    },
  };
}

/**
 * The residual stream after block `layer` at the last token of each prompt, `[rows, dModel]`: {@link lastTokenPass}, run. Differentiable.
 * The result is the only tensor that stays; the caller disposes it.
 */
export function lastTokenHidden(model: Model, prompts: readonly Int32Array[], layer: number, options: LastTokenOptions = {}): tf.Tensor2D {
  const { input, select } = lastTokenPass(prompts, layer, { padId: model.tokenizer.padId, ...options });
  return tf.tidy(() => select(model.forward(input)));
}
