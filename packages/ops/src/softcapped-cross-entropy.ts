import { NlaError } from '@nlakit/core';
import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import { defineDomainKernel } from './domain-kernel.js';
import { linear } from './linear.js';
import { softcapCrossEntropyGrad, softcapLogSumExp, softcapped } from './softcap-log-sum-exp.js';
import { isRecording, streamVocabulary } from './stream-vocabulary.js';
import { tf } from './tensorflow.js';

/** What {@link softcappedCrossEntropy} needs. */
export interface SoftcappedCrossEntropyOptions {
  /** `[row, dModel]`, after the final norm: one row per token that has a target. */
  readonly hidden: Tensor2D;
  /** `[vocabulary, dModel]`, the unscaled (tied) embedding table. */
  readonly table: Tensor2D;
  /** The token id each row has to predict, `[row]`. */
  readonly targets: Int32Array;
  /** `softcap * tanh(logit / softcap)` before the softmax; 0 for none. Gemma: 30. */
  readonly softcap: number;
  /**
   * Rows of the table multiplied at a time, 32768 if left out. A vocabulary that fits into one chunk keeps its logits for the backward
   * pass; a larger one never has more than one chunk of logits in memory. The gradient in `hidden` is made in the same reading of the table
   * as the loss, where operations are recorded; only that in `table` computes the logits again.
   */
  readonly chunk?: number;
}

type LossInputs = {
  readonly logits: Tensor2D;
  readonly targets: Tensor1D;
};

type ChunkedLossInputs = {
  readonly hidden: Tensor2D;
  readonly table: Tensor2D;
  readonly targets: Tensor1D;
};

const wholeLossKernel = defineDomainKernel<LossInputs, { softcap: number }>({
  name: 'NlaSoftcapCrossEntropyLoss',
  compose({ inputs: { logits, targets }, attrs: { softcap } }) {
    const [rows, width] = logits.shape;
    const lse = softcapLogSumExp(logits, softcap);
    const flat = tf.add(tf.mul(tf.range(0, rows, 1, 'int32'), tf.scalar(width, 'int32')), targets);
    const targetLogits = tf.gather(tf.reshape(logits, [-1]), flat);
    return [tf.sub(lse, softcapped(targetLogits, softcap)), lse];
  },
  gradient: {
    saves: ['logits', 'targets'],
    savesOutputs: [false, true],
    of: ({ dy: [dy], inputs: { logits, targets }, outputs: [lse], attrs: { softcap } }) => ({
      logits: () => softcapCrossEntropyGrad(logits as Tensor2D, targets as Tensor1D, lse as Tensor1D, dy as Tensor1D, softcap),
    }),
  },
});

const chunkedLossKernel = defineDomainKernel<ChunkedLossInputs, { softcap: number; chunk: number; slopeWanted: boolean }>({
  name: 'NlaSoftcapCrossEntropyChunkedLoss',
  compose({ inputs: { hidden, table, targets }, attrs: { softcap, chunk, slopeWanted } }) {
    const pieces = chunksOf(table, chunk).map(
      ({ start, rows }) =>
        () =>
          rowsOf(table, start, rows),
    );
    const { loss, logSumExp, slope } = streamVocabulary({ hidden, targetRows: tf.gather(table, targets), softcap, pieces }, slopeWanted);
    return [loss, logSumExp, ...(slope === undefined ? [] : [slope])];
  },
  gradient: {
    saves: ['hidden', 'table', 'targets'],
    savesOutputs: [false, true, true],
    of({ dy: [dy], inputs, outputs: [logSumExp, slope], attrs: { softcap, chunk } }) {
      const { hidden, table, targets } = inputs as ChunkedLossInputs;
      return {
        hidden: () => tf.tidy(() => tf.mul(slope as Tensor2D, tf.reshape(dy as Tensor1D, [hidden.shape[0], 1]))),
        table: () =>
          tf.concat(
            chunksOf(table, chunk).map(({ start, rows }) =>
              tf.tidy(() => {
                const logits = linear(hidden, rowsOf(table, start, rows)) as Tensor2D;
                const inChunk = tf.sub<Tensor1D>(targets, tf.scalar(start, 'int32'));
                const slopes = softcapCrossEntropyGrad(logits, inChunk, logSumExp as Tensor1D, dy as Tensor1D, softcap);
                return tf.matMul<Tensor2D>(slopes, hidden, true, false);
              }),
            ),
            0,
          ),
      };
    },
  },
});

/**
 * Next-token cross-entropy of a language model head with softcap, one value per row: `logsumexp(c) - c[target]` with
 * `c = softcap * tanh(hidden Eᵀ / softcap)`. Differentiable in `hidden` and `table`.
 *
 * @returns `[row]`, in nats, neither summed nor averaged
 *
 * Throws `E_TARGET_OUT_OF_RANGE`, `E_TARGET_COUNT`, `E_CHUNK_SIZE`.
 */
export function softcappedCrossEntropy(options: SoftcappedCrossEntropyOptions): Tensor1D {
  const { hidden, table, targets, softcap, chunk = 32768 } = options;
  if (!Number.isInteger(chunk) || chunk < 1) {
    throw new NlaError('E_CHUNK_SIZE', {
      message: 'A vocabulary chunk is a positive whole number of rows.',
      found: String(chunk),
      kind: 'input',
    });
  }
  checkTargets(targets, hidden.shape[0], table.shape[0]);
  return tf.tidy(() => {
    const ids = tf.tensor1d(targets, 'int32');
    const outputs =
      table.shape[0] <= chunk
        ? wholeLossKernel.outputs({ logits: linear(hidden, table) as Tensor2D, targets: ids }, { softcap })
        : chunkedLossKernel.outputs({ hidden, table, targets: ids }, { softcap, chunk, slopeWanted: isRecording() });
    return outputs[0] as Tensor1D;
  });
}

function checkTargets(targets: Int32Array, rows: number, vocabulary: number): void {
  if (targets.length !== rows) {
    throw new NlaError('E_TARGET_COUNT', {
      message: 'There must be one target per row.',
      found: `${targets.length} targets for ${rows} rows`,
      fix: 'Gather the rows that have a target before the head.',
    });
  }
  const outside = targets.findIndex((id) => id < 0 || id >= vocabulary);
  if (outside >= 0) {
    throw new NlaError('E_TARGET_OUT_OF_RANGE', {
      message: 'A target is not a token of the vocabulary.',
      found: `${targets[outside]} at row ${outside}`,
      expected: `0 <= id < ${vocabulary}`,
      fix: 'Leave rows without a target out; there is no ignored id.',
    });
  }
}

function chunksOf(table: Tensor2D, chunk: number): { start: number; rows: number }[] {
  const [vocabulary] = table.shape;
  return Array.from({ length: Math.ceil(vocabulary / chunk) }, (_, index) => ({
    start: index * chunk,
    rows: Math.min(chunk, vocabulary - index * chunk),
  }));
}

function rowsOf(table: Tensor2D, start: number, rows: number): Tensor2D {
  return tf.slice(table, [start, 0], [rows, table.shape[1]]);
}
