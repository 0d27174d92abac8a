import { tf } from '@nlakit/ops';

/** A loss with its gradients in host memory. */
export interface LossAndGradients {
  readonly loss: number;
  /** Gradient of each variable, row-major; zeros for a variable that the loss does not depend on. */
  readonly gradients: ReadonlyMap<string, Float32Array>;
}

/**
 * Computes `loss` and its gradients with respect to `variables`, and reads everything to the host at once. All tensors made on the way
 * are freed, so that the number of live tensors is the same before and after.
 */
export async function lossAndGradients(variables: ReadonlyMap<string, tf.Tensor>, loss: () => tf.Scalar): Promise<LossAndGradients> {
  const names = [...variables.keys()];
  const inputs = [...variables.values()];
  const { value, grads } = tf.engine().gradients(loss, inputs, undefined, true);
  try {
    const [lossData, ...data] = await Promise.all([value.data(), ...grads.map((gradient) => readOrUndefined(gradient))]);
    const gradients = new Map<string, Float32Array>();
    names.forEach((name, index) => {
      const size = inputs[index]?.size ?? 0;
      gradients.set(name, data[index] ?? new Float32Array(size));
    });
    return { loss: lossData[0] ?? Number.NaN, gradients };
  } finally {
    value.dispose();
    for (const gradient of grads as readonly (tf.Tensor | null | undefined)[]) gradient?.dispose();
  }
}

/** tfjs leaves out the gradient of an input that the loss does not reach, although its types say otherwise. */
async function readOrUndefined(gradient: tf.Tensor | null | undefined): Promise<Float32Array | undefined> {
  if (gradient === null || gradient === undefined) return undefined;
  return (await gradient.data()) as Float32Array;
}
