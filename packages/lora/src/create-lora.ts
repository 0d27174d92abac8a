import type { HostTensor, LoraSpec, RandomStream } from '@nlakit/core';
import { checkSpec } from './spec.js';
import { targetsOf, type Linears } from './targets.js';

/** The two matrices of one adapted linear in host memory: `a [rank, in]`, `b [out, rank]`. */
export interface LoraHostPair {
  readonly a: HostTensor;
  readonly b: HostTensor;
}

/** An adapter in host memory; `pairs` is keyed by the linear's module path in the checkpoint, without `.weight`. */
export interface LoraHost {
  readonly spec: LoraSpec;
  readonly pairs: ReadonlyMap<string, LoraHostPair>;
}

/**
 * A fresh adapter, initialised as PEFT does: A uniform in ±1/sqrt(in) (Kaiming with a = sqrt 5), B zero, so that it changes nothing.
 * Numbers are drawn in the model's order of linears. Throws `E_LORA_SPEC` and `E_LORA_TARGET`.
 */
export function createLora(spec: LoraSpec, linears: Linears, random: RandomStream): LoraHost {
  checkSpec(spec);
  const { rank } = spec;
  const pairs = new Map<string, LoraHostPair>();
  for (const path of targetsOf(spec, linears)) {
    const [out, inn] = linears.get(path)!;
    const bound = 1 / Math.sqrt(inn);
    pairs.set(path, {
      a: { shape: [rank, inn], data: Float32Array.from({ length: rank * inn }, () => (2 * random.uniform() - 1) * bound) },
      b: { shape: [out, rank], data: new Float32Array(out * rank) },
    });
  }
  return { spec, pairs };
}

/** The trainable arrays by name, `<path>.lora_A` and `<path>.lora_B`: the adapter's own, not copies, for an optimizer to update in place. */
export function loraParameters(host: LoraHost): Map<string, Float32Array> {
  const parameters = new Map<string, Float32Array>();
  for (const [path, { a, b }] of host.pairs) {
    parameters.set(`${path}.lora_A`, a.data);
    parameters.set(`${path}.lora_B`, b.data);
  }
  return parameters;
}
