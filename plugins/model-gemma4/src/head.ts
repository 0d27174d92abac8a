import type { ModelHead } from '@nlakit/core';
import { linear, softcapCrossEntropyGrad, softcapLogSumExp, softcapped, softcappedCrossEntropy, softcappedLogits, tf } from '@nlakit/ops';
import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import type { Gemma4Config } from './config.js';
import type { EmbeddingTable } from './embedding-table.js';

/** Values that one chunk's logits, or its rows of the table, may have: 64 MiB of f32. */
const chunkValues = 2 ** 24;

/** The output layer: the embedding table, unscaled, with the softcap. */
export function createHead(config: Gemma4Config, table: EmbeddingTable): ModelHead {
  const { softcap } = config;
  const whole = table.tensor;
  if (whole === undefined) return streamedHead(softcap, table);
  return {
    logits: (hidden) => softcappedLogits({ hidden, table: whole, softcap }),
    crossEntropy(hidden, targets) {
      const chunk = Math.max(1024, Math.floor(chunkValues / Math.max(hidden.shape[0], whole.shape[1])));
      return softcappedCrossEntropy({ hidden, table: whole, targets, softcap, chunk });
    },
  };
}

/**
 * An output layer whose table is not on the backend: its rows are brought there chunk by chunk, once for the value and once more for
 * the gradient, which only `hidden` has.
 */
function streamedHead(softcap: number, table: EmbeddingTable): ModelHead {
  const [vocabulary, width] = table.shape;
  const chunks = (rows: number): { start: number; count: number }[] => {
    const size = Math.max(256, Math.floor(chunkValues / Math.max(rows, width)));
    return Array.from({ length: Math.ceil(vocabulary / size) }, (_, index) => ({
      start: index * size,
      count: Math.min(size, vocabulary - index * size),
    }));
  };
  return {
    logits: (hidden) =>
      tf.tidy(() => {
        const parts = chunks(hidden.shape[0]).map(({ start, count }) =>
          tf.tidy(() => softcapped(linear(hidden, table.slice(start, count)) as Tensor2D, softcap)),
        );
        return tf.concat(parts, 1);
      }),
    crossEntropy(hidden, targets) {
      const loss = tf.customGrad((x, save) => {
        const h = x as Tensor2D;
        const parts = chunks(h.shape[0]).map(({ start, count }) =>
          tf.tidy(() => softcapLogSumExp(linear(h, table.slice(start, count)) as Tensor2D, softcap)),
        );
        const lse = tf.logSumExp<Tensor1D>(tf.stack(parts), 0);
        const targetLogits = tf.sum(tf.mul(h, table.lookup(targets)), 1);
        (save as (tensors: readonly unknown[]) => void)([h, lse]);
        return {
          value: tf.sub(lse, softcapped(targetLogits, softcap)),
          gradFunc: (dy, saved) => hiddenGradient(dy as Tensor1D, saved as [Tensor2D, Tensor1D], targets),
        };
      });
      return loss(hidden) as Tensor1D;
    },
  };

  function hiddenGradient(dy: Tensor1D, [hidden, lse]: [Tensor2D, Tensor1D], targets: Int32Array): Tensor2D {
    let sum: Tensor2D = tf.zerosLike(hidden);
    for (const { start, count } of chunks(hidden.shape[0])) {
      const before = sum;
      sum = tf.tidy((): Tensor2D => {
        const rows = table.slice(start, count);
        const inChunk = tf.tensor1d(
          targets.map((id) => id - start),
          'int32',
        );
        return tf.add(before, tf.matMul(softcapCrossEntropyGrad(linear(hidden, rows) as Tensor2D, inChunk, lse, dy, softcap), rows));
      });
      before.dispose();
    }
    return sum;
  }
}
