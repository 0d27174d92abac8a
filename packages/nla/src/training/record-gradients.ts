import { tf } from '@nlakit/ops';

/**
 * Runs `f` on a tape: its value, and the gradient with respect to each input, `undefined` where the value does not depend on it. The
 * caller disposes them all.
 */
export function recordGradients(
  f: () => tf.Scalar,
  inputs: readonly tf.Tensor[],
): { readonly value: tf.Tensor; readonly gradients: readonly (tf.Tensor | undefined)[] } {
  const { value, grads } = tf.engine().gradients(f, [...inputs], undefined, true);
  // tfjs leaves out the gradient of an input that the value does not reach, although its types say otherwise.
  return { value, gradients: (grads as readonly (tf.Tensor | null | undefined)[]).map((gradient) => gradient ?? undefined) };
}
