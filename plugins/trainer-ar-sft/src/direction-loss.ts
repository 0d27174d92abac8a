import type { Scale } from '@nlakit/core';
import { tf } from '@nlakit/ops';

/** Added to squared norms, so that a zero prediction has a finite gradient. */
const squaredNormFloor = 1e-12;

/**
 * Squared error of each row, averaged over its elements, `[rows]`. With a scale s, both vectors are brought to norm s first, so that only
 * the direction counts: `(1/d) Σ (s·p/‖p‖ − s·t/‖t‖)²`, which is `2 (1 − cos)` for `s = √d` (kitft/natural_language_autoencoders).
 * With a null scale, the plain mean squared error. Differentiable in `predicted`.
 */
export function directionLosses(predicted: tf.Tensor2D, target: tf.Tensor2D, scale: Scale): tf.Tensor1D {
  return tf.tidy(() => {
    const prediction = scale === null ? predicted : brought(predicted, scale);
    const gold = scale === null ? target : brought(target, scale);
    return tf.mean<tf.Tensor1D>(tf.square(tf.sub(prediction, gold)), 1);
  });
}

function brought(rows: tf.Tensor2D, scale: number): tf.Tensor2D {
  const norms = tf.sqrt(tf.add(tf.sum(tf.square(rows), 1, true), squaredNormFloor));
  return tf.mul(tf.div(rows, norms), scale);
}
