import type { Model } from '@nlakit/core';
import { tf } from '@nlakit/ops';
import type { DifferentiablePass, GradientSink } from './differentiable-pass.js';
import { recordGradients } from './record-gradients.js';
import { segmentGradients } from './segment-gradients.js';

/** A loss with its gradients in host memory. */
export interface LossAndGradients {
  readonly loss: number;
  /** Gradient of each variable, row-major; zeros for a variable that the loss does not depend on. The arrays are the receiver's. */
  readonly gradients: ReadonlyMap<string, Float32Array>;
}

/**
 * Computes the loss of `pass` and its gradients with respect to `variables`, and reads everything to the host. All tensors made on the way
 * are freed, so that the number of live tensors is the same before and after.
 *
 * @param checkpointActivations keeps only what one segment hands to the next and computes the rest again in the backward pass: a third more
 *   arithmetic, the activations of one block instead of those of all. The gradients are the same, those of donor keys and values too.
 */
export async function lossAndGradients(
  model: Model,
  variables: ReadonlyMap<string, tf.Tensor>,
  pass: DifferentiablePass,
  checkpointActivations = false,
): Promise<LossAndGradients> {
  const sum = new Map<string, Float32Array>();
  const names = [...variables.keys()];
  const add: GradientSink = async (tensors) => {
    const values = await Promise.all(tensors.map(async (gradient) => gradient?.data()));
    names.forEach((name, index) => {
      const gradient = values[index] as Float32Array | undefined;
      if (gradient === undefined) return;
      const known = sum.get(name);
      // A copy: the array of a host backend may belong to another tensor, too.
      if (known === undefined) sum.set(name, gradient.slice());
      else for (let at = 0; at < known.length; at++) known[at] = (known[at] ?? 0) + (gradient[at] ?? 0);
    });
  };
  const tensors = [...variables.values()];
  const loss = checkpointActivations
    ? await segmentGradients(model.segments(pass.input), tensors, pass, add)
    : await wholeGradients(model, tensors, pass, add);
  const gradients = new Map<string, Float32Array>();
  for (const [name, { size }] of variables) gradients.set(name, sum.get(name) ?? new Float32Array(size));
  return { loss, gradients };
}

async function wholeGradients(
  model: Model,
  variables: readonly tf.Tensor[],
  { input, loss }: DifferentiablePass,
  sink: GradientSink,
): Promise<number> {
  const { value, gradients } = recordGradients(() => loss(model.forward(input)), variables);
  try {
    await sink(gradients);
    return (await value.data())[0] ?? Number.NaN;
  } finally {
    tf.dispose([value, ...gradients.filter((gradient) => gradient !== undefined)]);
  }
}
