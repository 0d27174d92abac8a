import type { Model } from '@nlakit/core';
import { tf } from '@nlakit/ops';
import { wordTokens } from './word-tokens.js';

/** Low enough to never be chosen, finite so that no arithmetic goes astray. */
const never = -1e30;

/** The word that a model itself finds most likely to come next: its likeliest token among those that begin a word. */
export interface NextWords {
  /** Ids of these tokens `[rows]`, from outputs of the final norm `[rows, dModel]`. The caller disposes them. */
  choose(final: tf.Tensor2D): tf.Tensor1D;
  /** The letters of such a token. */
  wordOf(id: number): string;
  dispose(): void;
}

/** Next words of that model. Throws `E_WORDNET_VOCABULARY` if no token of it begins a word. */
export function nextWordsOf({ tokenizer, spec, head }: Pick<Model, 'tokenizer' | 'spec' | 'head'>): NextWords {
  const words = wordTokens(tokenizer, spec);
  const barred = new Float32Array(spec.vocabularySize).fill(never);
  for (const id of words.keys()) barred[id] = 0;
  const bar = tf.tensor1d(barred);
  return {
    choose: (final) => tf.tidy(() => tf.argMax(tf.add(head.logits(final), bar), 1)),
    wordOf: (id) => words.get(id) ?? '',
    dispose: () => {
      bar.dispose();
    },
  };
}
