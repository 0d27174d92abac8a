import { finalState, type ForwardOutput, type NamedTensors, type Segment } from '@nlakit/core';
import { recallProducts, rememberProducts, tf } from '@nlakit/ops';
import type { DifferentiablePass, GradientSink } from './differentiable-pass.js';
import { recordGradients } from './record-gradients.js';

/**
 * Activation checkpointing (Chen et al. 2016, arXiv 1604.06174) over a model's segments. Forward, only the states between segments are
 * kept, and the products that are dearer to compute again than to keep (selectively, as Korthikanti et al. 2022, arXiv 2205.05198, have it). Backward,
 * from the last segment to the first, each is run again on a tape from the state it had, fed with the gradients of what it produced. Gradients of an entry that several later segments read (keys and values of a donor layer) are summed before its own segment
 * is reached, because every segment passes the entries of the state on explicitly.
 *
 * @param variables their gradients go to `sink` segment by segment, and are freed behind it
 * @returns the loss
 */
export async function segmentGradients(
  segments: readonly Segment[],
  variables: readonly tf.Tensor[],
  { input, loss }: DifferentiablePass,
  sink: GradientSink,
): Promise<number> {
  const states: NamedTensors[] = [{}];
  const kept: (readonly tf.Tensor[])[] = [];
  const upstream = createUpstream();
  try {
    for (const segment of segments) {
      const { result, products } = rememberProducts(() => segment.run(states.at(-1) ?? {}));
      states.push(result);
      kept.push(products);
    }

    const end = states.at(-1) ?? {};
    const outputs = Object.values(end);
    const { value, gradients } = recordGradients(() => loss(outputOf(end, input.capture ?? [])), [...outputs, ...variables]);
    upstream.add(outputs, gradients);
    await handOver(gradients.slice(outputs.length), sink);
    const lossValue = (await value.data())[0] ?? Number.NaN;
    value.dispose();

    for (let index = segments.length - 1; index >= 0; index--) {
      const before = states[index] ?? {};
      const products = kept.pop() ?? [];
      try {
        await throughSegment(segments[index] as Segment, before, states.pop() ?? {}, products, upstream, variables, sink);
      } finally {
        tf.dispose([...products]);
      }
    }
    return lossValue;
  } finally {
    upstream.dispose();
    for (const state of states) tf.dispose(Object.values(state));
    for (const products of kept) tf.dispose([...products]);
  }
}

/** Takes the gradients of what `segment` made of `before` one segment further towards the start, and frees what it made. */
async function throughSegment(
  segment: Segment,
  before: NamedTensors,
  after: NamedTensors,
  products: readonly tf.Tensor[],
  upstream: Upstream,
  variables: readonly tf.Tensor[],
  sink: GradientSink,
): Promise<void> {
  const inputs = [...new Set(Object.values(before))];
  const made = Object.entries(after).filter(([, tensor]) => !inputs.includes(tensor));
  const fed = made.flatMap(([name, tensor]) => {
    const gradient = upstream.take(tensor);
    return gradient === undefined ? [] : [{ name, gradient }];
  });
  tf.dispose(made.map(([, tensor]) => tensor));
  if (fed.length === 0) return;
  try {
    const { value, gradients } = recordGradients(() => {
      const again = recallProducts(products, () => segment.run(before));
      return feed(
        fed.map(({ name }) => again[name] as tf.Tensor),
        fed.map(({ gradient }) => gradient),
      );
    }, [...inputs, ...variables]);
    value.dispose();
    upstream.add(inputs, gradients);
    await handOver(gradients.slice(inputs.length), sink);
  } finally {
    tf.dispose(fed.map(({ gradient }) => gradient));
  }
}

async function handOver(gradients: readonly (tf.Tensor | undefined)[], sink: GradientSink): Promise<void> {
  try {
    await sink(gradients);
  } finally {
    tf.dispose(gradients.filter((gradient) => gradient !== undefined));
  }
}

/** A number whose gradient in `tensors` is `gradients`, exactly: a product and a sum would compute as much again. */
function feed(tensors: readonly tf.Tensor[], gradients: readonly tf.Tensor[]): tf.Scalar {
  const custom = tf.customGrad(() => ({ value: tf.scalar(0), gradFunc: () => gradients.map((gradient) => tf.clone(gradient)) }));
  return custom(...tensors);
}

/** Gradients of entries of the state that no segment has consumed yet. */
interface Upstream {
  /** Adds the first gradients, one for each tensor; takes them over. */
  add(tensors: readonly tf.Tensor[], gradients: readonly (tf.Tensor | undefined)[]): void;
  /** Hands the sum for a tensor to the caller. */
  take(tensor: tf.Tensor): tf.Tensor | undefined;
  dispose(): void;
}

function createUpstream(): Upstream {
  const sums = new Map<tf.Tensor, tf.Tensor>();
  return {
    add(tensors, gradients) {
      tensors.forEach((tensor, index) => {
        const gradient = gradients[index];
        if (gradient === undefined) return;
        const known = sums.get(tensor);
        sums.set(tensor, known === undefined ? gradient : tf.add(known, gradient));
        if (known !== undefined) tf.dispose([known, gradient]);
      });
    },
    take(tensor) {
      const sum = sums.get(tensor);
      sums.delete(tensor);
      return sum;
    },
    dispose() {
      for (const gradient of sums.values()) gradient.dispose();
      sums.clear();
    },
  };
}

function outputOf(state: NamedTensors, capture: readonly string[]): ForwardOutput {
  const hidden: Record<string, tf.Tensor3D> = {};
  for (const name of capture) if (state[name] !== undefined) hidden[name] = state[name] as tf.Tensor3D;
  const final = state[finalState] as tf.Tensor3D | undefined;
  return { hidden, ...(final === undefined ? {} : { final }) };
}
