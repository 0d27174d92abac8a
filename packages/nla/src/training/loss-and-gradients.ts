import type { Model } from '@nlakit/core';
import { tf } from '@nlakit/ops';
import type { DifferentiablePass, GradientSink } from './differentiable-pass.js';
import { createGradientSum, type GradientSum } from './gradient-sum.js';
import { recordGradients } from './record-gradients.js';
import { segmentGradients } from './segment-gradients.js';

/** A loss with its gradients in host memory. */
export interface LossAndGradients {
  readonly loss: number;
  /** Gradient of each variable, row-major; zeros for a variable that the loss does not depend on. */
  readonly gradients: ReadonlyMap<string, Float32Array>;
}

/**
 * Computes the loss of `pass` and its gradients with respect to `variables`, and adds these to `sum` on the host: the gradients returned are
 * its total. All tensors made on the way are freed, so that the number of live tensors is the same before and after.
 *
 * @param checkpointActivations keeps only what one segment hands to the next and computes the rest again in the backward pass: a third more
 *   arithmetic, the activations of one block instead of those of all. The gradients are the same, those of donor keys and values too.
 * @param sum what earlier passes of the same step have added to; nothing, without it
 */
export async function lossAndGradients(
  model: Model,
  variables: ReadonlyMap<string, tf.Tensor>,
  pass: DifferentiablePass,
  checkpointActivations = false,
  sum: GradientSum = createGradientSum(),
): Promise<LossAndGradients> {
  const names = [...variables.keys()];
  const add: GradientSink = async (tensors) => {
    await Promise.all(tensors.flatMap((gradient, index) => (gradient === undefined ? [] : [sum.add(names[index] as string, gradient)])));
  };
  const tensors = [...variables.values()];
  const loss = checkpointActivations
    ? await segmentGradients(model.segments(pass.input), tensors, pass, add)
    : await wholeGradients(model, tensors, pass, add);
  for (const [name, { size }] of variables) sum.addNothing(name, size);
  return { loss, gradients: sum.total };
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
