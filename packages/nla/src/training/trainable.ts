import type { HostTensor } from '@nlakit/core';
import { tensorOfCopy, tf } from '@nlakit/ops';

/** Tensors that are trained: the exact values in host memory, and copies of them on the backend. */
export interface Trainable {
  /** Values that the optimizer updates in place. */
  readonly host: ReadonlyMap<string, Float32Array>;
  /** What the forward pass reads. */
  readonly variables: ReadonlyMap<string, tf.Variable>;
  /** Copies the host values to the backend. */
  upload(): void;
  /** A copy of every tensor, independent of further training. */
  snapshot(): Map<string, HostTensor>;
  dispose(): void;
}

let serial = 0;

/** Copies `initial` and puts it on the current backend. The caller disposes it. */
export function createTrainable(initial: ReadonlyMap<string, HostTensor>): Trainable {
  const host = new Map<string, Float32Array>();
  const variables = new Map<string, tf.Variable>();
  for (const [name, { shape, data }] of initial) {
    const values = Float32Array.from(data);
    host.set(name, values);
    const tensor = tensorOfCopy(values, shape);
    serial += 1;
    variables.set(name, tf.variable(tensor, true, `nlakit.trainable.${serial}.${name}`));
    tensor.dispose();
  }
  return {
    host,
    variables,
    upload() {
      for (const [name, variable] of variables) {
        const fresh = tensorOfCopy(host.get(name) ?? new Float32Array(), variable.shape);
        variable.assign(fresh);
        fresh.dispose();
      }
    },
    snapshot() {
      const copy = new Map<string, HostTensor>();
      for (const [name, variable] of variables)
        copy.set(name, { shape: [...variable.shape], data: Float32Array.from(host.get(name) ?? []) });
      return copy;
    },
    dispose() {
      for (const variable of variables.values()) variable.dispose();
    },
  };
}
