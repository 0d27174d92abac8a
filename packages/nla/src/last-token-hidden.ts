import { blockOutput, type Model, NlaError, type PerLayerIds, type RandomStream } from '@nlakit/core';
import { tf } from '@nlakit/ops';
import { padRight } from './pad-right.js';

/**
 * The residual stream after block `layer` at the last token of each prompt, `[rows, dModel]`: blocks 0 to `layer` run, nothing behind them,
 * and no final norm. Padding stands on the right, so the last real token of a row is the last of its own prompt. Differentiable. The result is
 * the only tensor that stays; the caller disposes it.
 */
export function lastTokenHidden(
  model: Model,
  prompts: readonly Int32Array[],
  layer: number,
  options: { readonly perLayerIds?: PerLayerIds; readonly dropout?: RandomStream } = {},
): tf.Tensor2D {
  const padded = padRight(prompts, model.tokenizer.padId);
  const name = blockOutput(layer);
  const last = prompts.map((prompt, row) => row * padded.length + prompt.length - 1);
  return tf.tidy(() => {
    const output = model.forward({ ...padded, ...options, stopAfterBlock: layer, capture: [name], final: false });
    const hidden = output.hidden[name];
    if (hidden === undefined) {
      throw new NlaError('E_HOOK_POINT', { message: 'The model did not give back the hook point it was asked for.', expected: name });
    }
    const flat = tf.reshape(hidden, [padded.batch * padded.length, model.spec.dModel]);
    return tf.gather(flat, tf.tensor1d(last, 'int32')) as tf.Tensor2D;
  });
}
