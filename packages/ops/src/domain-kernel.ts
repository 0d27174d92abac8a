import { NlaError } from '@nlakit/core';
import type { NamedTensorMap, Tensor } from '@tensorflow/tfjs-core';
import { tf } from './tensorflow.js';

/** Inputs of a domain kernel by name. A key that is absent or `undefined` is an optional input left out. */
export type KernelInputs = Readonly<Record<string, Tensor | undefined>>;

/** Attributes of a domain kernel: plain values, no tensors. */
export type KernelAttributes = Readonly<Record<string, number | boolean | string | readonly number[]>>;

/** What a composition gets. */
export interface KernelCall<Inputs extends KernelInputs, Attributes extends KernelAttributes> {
  readonly inputs: Inputs;
  readonly attrs: Attributes;
}

/** What the gradient of a domain kernel gets. */
export interface KernelGradientCall<Inputs extends KernelInputs, Attributes extends KernelAttributes> {
  /** Gradients of the outputs, in their order. */
  readonly dy: readonly Tensor[];
  /** The inputs named by `saves`; the others are absent. */
  readonly inputs: Partial<Inputs>;
  /** The outputs selected by `savesOutputs`, in their order. */
  readonly outputs: readonly Tensor[];
  readonly attrs: Attributes;
}

/** A kernel of our own: its meaning as a composition of tfjs operations and, if it can be differentiated, its gradient. */
export interface DomainKernelDefinition<Inputs extends KernelInputs, Attributes extends KernelAttributes> {
  /** Name in the tfjs registries: `Nla` and words in camel case. A backend registers a faster kernel under the same name. */
  readonly name: string;
  /**
   * The portable meaning. Runs inside a kernel, so nothing in it is recorded for differentiation and its intermediate tensors are
   * freed. It must return new tensors, never an input.
   */
  compose(call: KernelCall<Inputs, Attributes>): Tensor | Tensor[];
  readonly gradient?: {
    /** Inputs that the gradient reads; tfjs keeps them alive until then. */
    readonly saves: readonly (keyof Inputs & string)[];
    /** One flag per output: whether the gradient reads it. */
    readonly savesOutputs?: readonly boolean[];
    /** One function per differentiable input. Only those of inputs that need a gradient are called. Each returns a new tensor. */
    of(call: KernelGradientCall<Inputs, Attributes>): { readonly [Name in keyof Inputs]?: () => Tensor };
  };
}

/** A defined domain kernel. */
export interface DomainKernel<Inputs extends KernelInputs, Attributes extends KernelAttributes> {
  readonly name: string;
  /** Runs the kernel on the current backend; recorded for differentiation like any tfjs operation. All its outputs, in order. */
  outputs(inputs: Inputs, attrs: Attributes): Tensor[];
  /** The first output of {@link outputs}, for kernels that have only one. */
  run<Result extends Tensor = Tensor>(inputs: Inputs, attrs: Attributes): Result;
}

type AnyDefinition = DomainKernelDefinition<KernelInputs, KernelAttributes>;

const definitions = new Map<string, AnyDefinition>();

/**
 * Defines a kernel and registers its gradient. Defining the same name again replaces the composition and leaves the gradient that is
 * already registered, so two copies of a package in one process do no harm.
 */
export function defineDomainKernel<Inputs extends KernelInputs, Attributes extends KernelAttributes>(
  definition: DomainKernelDefinition<Inputs, Attributes>,
): DomainKernel<Inputs, Attributes> {
  const { name } = definition;
  const plain = definition as unknown as AnyDefinition;
  definitions.set(name, plain);
  if (plain.gradient !== undefined) registerGradient(name, plain.gradient, plain.gradient.saves);
  return {
    name,
    outputs: (inputs, attrs) => runDomainKernel(name, inputs, attrs),
    run: <Result extends Tensor = Tensor>(inputs: Inputs, attrs: Attributes) => runDomainKernel(name, inputs, attrs)[0] as Result,
  };
}

/**
 * Runs the domain kernel of that name on the current backend, with the backend's own kernel if it has one and the composition of
 * {@link defineDomainKernel} otherwise. Throws `E_KERNEL_UNKNOWN` if there is neither.
 */
export function runDomainKernel(name: string, inputs: KernelInputs, attrs: KernelAttributes): Tensor[] {
  const present: NamedTensorMap = {};
  for (const key in inputs) {
    const tensor = inputs[key];
    if (tensor !== undefined) present[key] = tensor;
  }
  ensureKernel(name);
  const saves = definitions.get(name)?.gradient?.saves ?? [];
  const missing = saves.filter((key) => present[key] === undefined);
  const target = missing.length === 0 ? name : variantWithout(name, missing);
  const result = tf.engine().runKernel(target, present, attrs);
  return Array.isArray(result) ? result : [result];
}

function ensureKernel(name: string): void {
  const backendName = tf.getBackend();
  if (tf.getKernel(name, backendName) !== undefined) return;
  const definition = definitions.get(name);
  if (definition === undefined) {
    throw new NlaError('E_KERNEL_UNKNOWN', {
      message: 'There is no kernel of that name for the current backend, and no composition for it.',
      found: `${name} on ${backendName}`,
      expected: `a kernel registered for the backend, or one of ${[...definitions.keys()].join(', ')}`,
      fix: 'Call defineDomainKernel before the kernel is used.',
    });
  }
  tf.registerKernel({
    kernelName: name,
    backendName,
    kernelFunc: ({ inputs, attrs }) =>
      tf.tidy(() => definition.compose({ inputs: inputs as unknown as KernelInputs, attrs: (attrs ?? {}) as unknown as KernelAttributes })),
  });
}

/**
 * tfjs saves the inputs a gradient needs by a fixed list of names and cannot leave one out, so a call without an optional input is
 * recorded under a name of its own, whose kernel calls the real one.
 */
function variantWithout(name: string, missing: readonly string[]): string {
  const variant = `${name}Without_${missing.join('_')}`;
  const definition = definitions.get(name);
  const gradient = definition?.gradient;
  if (gradient !== undefined) {
    registerGradient(
      variant,
      gradient,
      gradient.saves.filter((key) => !missing.includes(key)),
    );
  }
  const backendName = tf.getBackend();
  if (tf.getKernel(variant, backendName) === undefined) {
    tf.registerKernel({
      kernelName: variant,
      backendName,
      kernelFunc: ({ inputs, attrs }) => tf.engine().runKernel(name, inputs as unknown as NamedTensorMap, attrs ?? {}),
    });
  }
  return variant;
}

function registerGradient(kernelName: string, gradient: NonNullable<AnyDefinition['gradient']>, saves: readonly string[]): void {
  if (tf.getGradient(kernelName) !== undefined) return;
  tf.registerGradient({
    kernelName,
    inputsToSave: [...saves],
    outputsToSave: [...(gradient.savesOutputs ?? [])],
    gradFunc: (dy, saved, attrs) => {
      const inputs: Record<string, Tensor> = {};
      saves.forEach((key, index) => {
        const tensor = saved[index];
        if (tensor !== undefined) inputs[key] = tensor;
      });
      const gradients = gradient.of({
        dy: Array.isArray(dy) ? dy : [dy],
        inputs,
        outputs: saved.slice(saves.length),
        attrs: attrs as unknown as KernelAttributes,
      });
      return gradients as Record<string, () => Tensor>;
    },
  });
}
