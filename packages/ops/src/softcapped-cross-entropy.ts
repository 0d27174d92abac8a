import { NlaError } from '@nlakit/core';
import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import { defineDomainKernel } from './domain-kernel.js';
import { linear } from './linear.js';
import { softcapCrossEntropyGrad, softcapLogSumExp, softcapped } from './softcap-log-sum-exp.js';
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
   * pass; a larger one never has more than one chunk of logits in memory and computes them again, once per gradient asked for.
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

const chunkedLossKernel = defineDomainKernel<ChunkedLossInputs, { softcap: number; chunk: number }>({
  name: 'NlaSoftcapCrossEntropyChunkedLoss',
  compose({ inputs: { hidden, table, targets }, attrs: { softcap, chunk } }) {
    const perChunk = chunksOf(table, chunk).map(({ start, rows }) =>
      tf.tidy(() => softcapLogSumExp(linear(hidden, rowsOf(table, start, rows)) as Tensor2D, softcap)),
    );
    const lse = tf.logSumExp(tf.stack(perChunk), 0);
    const targetLogits = tf.sum(tf.mul(hidden, tf.gather(table, targets)), 1);
    return [tf.sub(lse, softcapped(targetLogits, softcap)), lse];
  },
  gradient: {
    saves: ['hidden', 'table', 'targets'],
    savesOutputs: [false, true],
    of({ dy: [dy], inputs, outputs: [lse], attrs: { softcap, chunk } }) {
      const { hidden, table, targets } = inputs as ChunkedLossInputs;
      const logitGradient = (tableRows: Tensor2D, start: number): Tensor2D =>
        softcapCrossEntropyGrad(
          linear(hidden, tableRows) as Tensor2D,
          tf.sub(targets, tf.scalar(start, 'int32')),
          lse as Tensor1D,
          dy as Tensor1D,
          softcap,
        );
      return {
        hidden: () => {
          let sum: Tensor2D | undefined;
          for (const { start, rows } of chunksOf(table, chunk)) {
            const before: Tensor2D | undefined = sum;
            sum = tf.tidy((): Tensor2D => {
              const tableRows = rowsOf(table, start, rows);
              const term = tf.matMul<Tensor2D>(logitGradient(tableRows, start), tableRows);
              return before === undefined ? term : tf.add(before, term);
            });
            before?.dispose();
          }
          return sum ?? tf.zerosLike(hidden);
        },
        table: () =>
          tf.concat(
            chunksOf(table, chunk).map(({ start, rows }) =>
              tf.tidy(() => tf.matMul<Tensor2D>(logitGradient(rowsOf(table, start, rows), start), hidden, true, false)),
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
        : chunkedLossKernel.outputs({ hidden, table, targets: ids }, { softcap, chunk });
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
