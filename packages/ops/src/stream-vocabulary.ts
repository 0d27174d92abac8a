import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import { linear } from './linear.js';
import { softcapCrossEntropyGrad, softcapLogSumExp, softcapped } from './softcap-log-sum-exp.js';
import { tf } from './tensorflow.js';

/** What {@link streamVocabulary} needs. */
export interface VocabularyStream {
  /** `[row, dModel]` */
  readonly hidden: Tensor2D;
  /** The target's row of the table for each row of `hidden`, `[row, dModel]`. */
  readonly targetRows: Tensor2D;
  readonly softcap: number;
  /** Makes the pieces of the table one after another, `[piece, dModel]`. Each is made in a scope that frees it. */
  readonly pieces: readonly (() => Tensor2D)[];
}

/** What one reading of the table gives. */
export interface VocabularyLoss {
  /** Cross-entropy of each row, `[row]`. */
  readonly loss: Tensor1D;
  /** Logarithm of the sum of exponentials over the vocabulary, `[row]`. */
  readonly logSumExp: Tensor1D;
  /** Gradient of each row's loss in that row of `hidden`, `[row, dModel]`, if it was wanted. */
  readonly slope?: Tensor2D;
}

/**
 * The softcapped cross-entropy over a table that is read once, in pieces, and with it, if wanted, its gradient in `hidden`:
 * `sum_v p_v (1 - tanh²) E_v`, less the same of the target with `p = 1`. The sum over the pieces read so far stands relative to their
 * logarithm of the sum of exponentials, and is scaled when that grows, as attention that streams over keys does (Milakov and Gimelshein 2018,
 * arXiv 1805.02867; Dao et al. 2022, arXiv 2205.14135). A gradient that waits for the whole sum has to multiply by the table once more.
 */
export function streamVocabulary({ hidden, targetRows, softcap, pieces }: VocabularyStream, slopeWanted: boolean): VocabularyLoss {
  return tf.tidy(() => {
    const [rows] = hidden.shape;
    const column = (vector: Tensor1D): Tensor2D => tf.reshape(vector, [rows, 1]);
    const nowhere = tf.fill<tf.Rank.R1>([rows], -1, 'int32');
    const ones = tf.ones<tf.Rank.R1>([rows]);
    let sofar: { logSumExp: Tensor1D; slope?: Tensor2D } | undefined;
    for (const piece of pieces) {
      const before: { logSumExp: Tensor1D; slope?: Tensor2D } | undefined = sofar;
      sofar = tf.tidy(() => {
        const table = piece();
        const logits = linear(hidden, table) as Tensor2D;
        const here = softcapLogSumExp(logits, softcap);
        const logSumExp = before === undefined ? here : tf.logSumExp<Tensor1D>(tf.stack([before.logSumExp, here]), 0);
        if (!slopeWanted) return { logSumExp };
        const term = tf.matMul<Tensor2D>(softcapCrossEntropyGrad(logits, nowhere, logSumExp, ones, softcap), table);
        if (before?.slope === undefined) return { logSumExp, slope: term };
        const shrunk = tf.mul<Tensor2D>(before.slope, column(tf.exp(tf.sub<Tensor1D>(before.logSumExp, logSumExp))));
        return { logSumExp, slope: tf.add<Tensor2D>(shrunk, term) };
      });
      if (before !== undefined) tf.dispose({ ...before });
    }
    const logSumExp = sofar?.logSumExp ?? tf.fill<tf.Rank.R1>([rows], -Infinity);
    const target = softcapped(tf.sum<Tensor1D>(tf.mul(hidden, targetRows), 1), softcap);
    const loss = tf.sub<Tensor1D>(logSumExp, target);
    if (sofar?.slope === undefined) return { loss, logSumExp };
    const steepness: Tensor1D = softcap === 0 ? ones : tf.sub(1, tf.square(tf.mul(target, 1 / softcap)));
    return { loss, logSumExp, slope: tf.sub<Tensor2D>(sofar.slope, tf.mul(targetRows, column(steepness))) };
  });
}

/** Whether tfjs records operations now, because somebody is going to ask for a gradient. */
export function isRecording(): boolean {
  // Private by its types. Where it should be missing one day, the gradient is computed although nobody may ask for it.
  const engine = tf.engine() as unknown as { isTapeOn?(): boolean };
  return engine.isTapeOn?.() ?? true;
}
