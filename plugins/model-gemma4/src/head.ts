import type { ModelHead } from '@nlakit/core';
import { isRecording, linear, softcapped, softcappedCrossEntropy, softcappedLogits, streamVocabulary, tf } from '@nlakit/ops';
import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import type { Gemma4Config } from './config.js';
import type { EmbeddingTable } from './embedding-table.js';

/**
 * The output layer: the embedding table, unscaled, with the softcap.
 *
 * @param chunkValues values that one chunk's logits, or its rows of the table, may have: 64 MiB of f32
 */
export function createHead(config: Gemma4Config, table: EmbeddingTable, chunkValues = 2 ** 24): ModelHead {
  const { softcap } = config;
  const whole = table.tensor;
  if (whole === undefined) return streamedHead(softcap, table, chunkValues);
  return {
    logits: (hidden) => softcappedLogits({ hidden, table: whole, softcap }),
    crossEntropy(hidden, targets) {
      const chunk = Math.max(1024, Math.floor(chunkValues / Math.max(hidden.shape[0], whole.shape[1])));
      return softcappedCrossEntropy({ hidden, table: whole, targets, softcap, chunk });
    },
  };
}

/**
 * An output layer whose table is not on the backend: its rows are brought there chunk by chunk, once, also for the gradient, which only
 * `hidden` has.
 */
function streamedHead(softcap: number, table: EmbeddingTable, chunkValues: number): ModelHead {
  const [vocabulary, width] = table.shape;
  const pieces = (rows: number): (() => Tensor2D)[] => {
    const size = Math.max(256, Math.floor(chunkValues / Math.max(rows, width)));
    return Array.from(
      { length: Math.ceil(vocabulary / size) },
      (_, index) => () => table.slice(index * size, Math.min(size, vocabulary - index * size)),
    );
  };
  return {
    logits: (hidden) =>
      tf.tidy(() => {
        const parts = pieces(hidden.shape[0]).map((piece) => tf.tidy(() => softcapped(linear(hidden, piece()) as Tensor2D, softcap)));
        return tf.concat(parts, 1);
      }),
    crossEntropy(hidden, targets) {
      const slopeWanted = isRecording();
      const loss = tf.customGrad((x, save) => {
        const h = x as Tensor2D;
        const stream = { hidden: h, targetRows: table.lookup(targets), softcap, pieces: pieces(h.shape[0]) };
        const { loss: value, slope } = streamVocabulary(stream, slopeWanted);
        (save as (tensors: readonly unknown[]) => void)(slope === undefined ? [] : [slope]);
        return {
          value,
          gradFunc: (dy, [saved]) => tf.mul(saved as tf.Tensor, tf.reshape(dy, [h.shape[0], 1])),
        };
      });
      return loss(hidden) as Tensor1D;
    },
  };
}
