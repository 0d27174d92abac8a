import type { ForwardInput, ForwardOutput, Model, PerLayerIds, RandomStream } from '@nlakit/core';
import { tf } from '@nlakit/ops';
import { readingPass } from './read-activations.js';

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
  const ends = prompts.map((tokens) => ({ tokens, positions: [tokens.length - 1] }));
  const { input, select } = readingPass(ends, [layer], padId);
  return { input: { ...input, ...options }, select: (output) => select(output, layer) };
}

/**
 * The residual stream after block `layer` at the last token of each prompt, `[rows, dModel]`: {@link lastTokenPass}, run. Differentiable.
 * The result is the only tensor that stays; the caller disposes it.
 */
export function lastTokenHidden(model: Model, prompts: readonly Int32Array[], layer: number, options: LastTokenOptions = {}): tf.Tensor2D {
  const { input, select } = lastTokenPass(prompts, layer, { padId: model.tokenizer.padId, ...options });
  return tf.tidy(() => select(model.forward(input)));
}
