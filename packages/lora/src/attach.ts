import type { HostTensor, LoraAdapter, LoraPair } from '@nlakit/core';
import * as tf from '@tensorflow/tfjs-core';
import type { LoraHost } from './create-lora.js';

/** An adapter on the current backend. */
export interface AttachedLora {
  /** For `Model.adapt`. */
  readonly adapter: LoraAdapter;
  /** All matrices, A before B, in the order of the adapter's pairs. */
  readonly variables: readonly tf.Variable<tf.Rank.R2>[];
  /** The same variables by parameter name, `<path>.lora_A` and `<path>.lora_B`. */
  readonly byName: ReadonlyMap<string, tf.Variable<tf.Rank.R2>>;
  /** Copies the host arrays to the backend again, after they were changed. */
  upload(): void;
  dispose(): void;
}

let serial = 0;

/** Copies an adapter to the backend as trainable variables. The host arrays stay the caller's. */
export function attach(host: LoraHost): AttachedLora {
  // Names of variables are global in tfjs, also between copies of one adapter.
  serial += 1;
  const byName = new Map<string, tf.Variable<tf.Rank.R2>>();
  const sources = new Map<string, HostTensor>();
  const pairs = new Map<string, LoraPair>();
  const variable = (name: string, source: HostTensor): tf.Variable<tf.Rank.R2> => {
    const initial = matrix(source);
    const made = tf.variable(initial, true, `nlakit.lora.${serial}.${name}`);
    initial.dispose();
    byName.set(name, made);
    sources.set(name, source);
    return made;
  };
  for (const [path, { a, b }] of host.pairs) {
    pairs.set(path, {
      a: variable(`${path}.lora_A`, a),
      b: variable(`${path}.lora_B`, b),
    });
  }
  return {
    adapter: { spec: host.spec, pairs },
    variables: [...byName.values()],
    byName,
    upload() {
      for (const [name, source] of sources) {
        const fresh = matrix(source);
        byName.get(name)?.assign(fresh);
        fresh.dispose();
      }
    },
    dispose() {
      for (const one of byName.values()) one.dispose();
    },
  };
}

/** A copy: a backend may keep the array it is given, and the optimizer goes on writing into the host's. */
function matrix({ shape, data }: HostTensor): tf.Tensor2D {
  const [rows = 0, columns = 0] = shape;
  return tf.tensor2d(data.slice(), [rows, columns], 'float32');
}
