import type { ForwardInput, ForwardOutput, Model } from '@nlakit/core';
import { padRight } from '@nlakit/nla';
import { tf } from '@nlakit/ops';

/** A row with its response marked. */
export interface MarkedRow {
  readonly tokens: Int32Array;
  /** 1 at the tokens that the loss is taken on; the first token never counts. */
  readonly responseMask: Uint8Array;
}

/** Padded rows, and where in them something is predicted. */
export interface ResponseBatch {
  readonly tokens: Int32Array;
  readonly mask: Uint8Array;
  readonly batch: number;
  readonly length: number;
  /** Index into the flattened batch of every position that predicts a response token, row by row. */
  readonly positions: Int32Array;
  /** The token each of these positions has to predict. */
  readonly targets: Int32Array;
}

/** Pads rows on the right and finds the positions that predict response tokens: each is one before its token. */
export function responseBatch(rows: readonly MarkedRow[], padId: number): ResponseBatch {
  const padded = padRight(
    rows.map(({ tokens }) => tokens),
    padId,
  );
  const positions: number[] = [];
  const targets: number[] = [];
  rows.forEach(({ tokens, responseMask }, row) => {
    for (let at = 1; at < tokens.length; at++) {
      if (responseMask[at] !== 1) continue;
      positions.push(row * padded.length + at - 1);
      targets.push(tokens[at] ?? 0);
    }
  });
  return { ...padded, positions: Int32Array.from(positions), targets: Int32Array.from(targets) };
}

type Injection = Pick<ForwardInput, 'overrides' | 'perLayerIds' | 'dropout'>;

/** The pass that {@link responseHidden} reads. */
export function responseInput({ tokens, mask, batch, length }: ResponseBatch, injection: Injection): ForwardInput {
  return { tokens, mask, batch, length, ...injection };
}

/** What the head reads at the positions that predict response tokens, `[tokens, dModel]`. */
export function responseHidden({ final }: ForwardOutput, batch: ResponseBatch): tf.Tensor2D {
  if (final === undefined) throw new TypeError('A full forward pass gives the final hidden states.');
  return tf.tidy(() => {
    const flat = tf.reshape(final, [batch.batch * batch.length, final.shape[2]]);
    return tf.gather(flat, tf.tensor1d(batch.positions, 'int32')) as tf.Tensor2D;
  });
}

/**
 * Cross-entropy in nats of every response token, `[tokens]`, in the order of `batch.targets`, from the output of a pass. Only the positions
 * that predict one reach the head, so its logits are as few as they can be.
 */
export function responseLosses(model: Model, output: ForwardOutput, batch: ResponseBatch): tf.Tensor1D {
  return tf.tidy(() => model.head.crossEntropy(responseHidden(output, batch), batch.targets));
}
