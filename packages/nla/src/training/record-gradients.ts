import { tf } from '@nlakit/ops';

/**
 * Runs `f` on a tape: its value, and the gradient with respect to each input, `undefined` where the value does not depend on it. The
 * caller disposes them all.
 */
export function recordGradients(
  f: () => tf.Scalar,
  inputs: readonly tf.Tensor[],
): { readonly value: tf.Tensor; readonly gradients: readonly (tf.Tensor | undefined)[] } {
  const { value, grads } = withUnrecordedCopies(() => tf.engine().gradients(f, [...inputs], undefined, true));
  // tfjs leaves out the gradient of an input that the value does not reach, although its types say otherwise.
  return { value, gradients: (grads as readonly (tf.Tensor | null | undefined)[]).map((gradient) => gradient ?? undefined) };
}

/** The part of tfjs's engine, private by its types, that keeps what gradients read. */
interface SavingEngine {
  readonly backend: tf.KernelBackend;
  saveTensorsForBackwardMode?(tensors: readonly tf.Tensor[]): tf.Tensor[];
  makeTensorFromTensorInfo(info: tf.TensorInfo): tf.Tensor;
  keep(tensor: tf.Tensor): tf.Tensor;
}

/**
 * tfjs keeps a reference to everything that a gradient reads by an operation of its own, and records that too, as if somebody could ask
 * for its gradient: in a small model half of the tape. Within `f` the same references are kept without being recorded.
 */
function withUnrecordedCopies<Result>(f: () => Result): Result {
  const engine = tf.engine() as unknown as SavingEngine;
  const identity = tf.getKernel('Identity', tf.getBackend()) as tf.KernelConfig | undefined;
  if (engine.saveTensorsForBackwardMode === undefined || identity === undefined) return f();
  engine.saveTensorsForBackwardMode = (tensors) =>
    tensors.map((x) => {
      const copy = identity.kernelFunc({ inputs: { x }, attrs: {}, backend: engine.backend }) as tf.TensorInfo;
      return engine.keep(copy instanceof tf.Tensor ? copy : engine.makeTensorFromTensorInfo(copy));
    });
  try {
    return f();
  } finally {
    // An own property hides the method of the class; without it that is there again.
    delete engine.saveTensorsForBackwardMode;
  }
}
