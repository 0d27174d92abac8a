import type { LoraTerm } from '@nlakit/core';
import type { Tensor, Tensor2D } from '@tensorflow/tfjs-core';
import { defineDomainKernel, type DomainKernelDefinition, type KernelAttributes, type KernelInputs } from './domain-kernel.js';
import { applyDropout, drawDropout, type DropoutAttributes } from './dropout.js';
import { loraOutputs, loraPairGrad } from './lora-linear.js';
import { productOf } from './remembered-products.js';
import { tf } from './tensorflow.js';

type TermAttributes = KernelAttributes & DropoutAttributes & { readonly scale: number };

/** The tensors of a frozen weight, by the names that its kernels know them by. */
export type FrozenWeight = Readonly<Record<string, Tensor>>;

/** A frozen linear, as {@link defineAdaptedLinear} needs it. Nothing that these functions run is recorded. */
export interface FrozenLinear {
  /** In camel case: the kernels are called `Nla…Lora` and `Nla…LoraInputGrad`. */
  readonly name: string;
  /** The names of the tensors of a weight. */
  readonly weight: readonly string[];
  /** `x [rows, in]` to `[rows, out]`: a new tensor. */
  forward(x: Tensor2D, weight: FrozenWeight, attrs: KernelAttributes): Tensor2D;
  /** `dy [rows, out]` to `[rows, in]`: a new tensor. */
  inputGradient(dy: Tensor2D, weight: FrozenWeight, attrs: KernelAttributes): Tensor2D;
}

/** What is multiplied by, and for what. */
export interface AdaptedLinearCall {
  /** `[rows, in]` */
  readonly x: Tensor2D;
  readonly weight: FrozenWeight;
  /** Attributes of the base's own kernels. */
  readonly attrs: KernelAttributes;
  readonly shape: readonly [out: number, inn: number];
  readonly term: LoraTerm;
}

/**
 * Defines a frozen linear with a LoRA term as one operation: recorded once instead of three times, and a backend can add the term where the
 * product lies. Differentiable in `x`, `pair.a` and `pair.b`; the result `[rows, out]` is remembered where that is worth it, see
 * {@link productOf}. The operation throws `E_DROPOUT_RATE`.
 */
export function defineAdaptedLinear(base: FrozenLinear): (call: AdaptedLinearCall) => Tensor2D {
  const weightOf = (inputs: KernelInputs): FrozenWeight => Object.fromEntries(base.weight.map((name) => [name, inputs[name] as Tensor]));

  const inputGradKernel = defineDomainKernel<KernelInputs & { dy: Tensor2D; dLow: Tensor2D; a: Tensor2D }, TermAttributes>({
    name: `Nla${base.name}LoraInputGrad`,
    compose: ({ inputs, attrs }) =>
      // What is dropped on the way forward is dropped on the way back.
      tf.add(base.inputGradient(inputs.dy, weightOf(inputs), attrs), applyDropout(tf.matMul(inputs.dLow, inputs.a), attrs)),
  });

  const gradient: NonNullable<DomainKernelDefinition<KernelInputs, TermAttributes>['gradient']> = {
    saves: ['x', 'a', 'b', ...base.weight],
    savesOutputs: [false, true],
    of({ dy: [dy], inputs, outputs: [low], attrs }) {
      const { x, a, b } = inputs as { x: Tensor2D; a: Tensor2D; b: Tensor2D };
      const dropped = applyDropout(x, attrs);
      // At once: what is made inside one of the functions below is freed before the next runs.
      const [aGradient, bGradient, dLow] = loraPairGrad({ x: dropped, low: low as Tensor2D, b, dy: dy as Tensor2D }, attrs.scale);
      if (dropped !== x) dropped.dispose();
      return {
        x: () => inputGradKernel.run({ ...weightOf(inputs), dy: dy as Tensor2D, dLow, a }, attrs),
        a: () => aGradient,
        b: () => bGradient,
      };
    },
  };

  const kernel = defineDomainKernel<KernelInputs & { x: Tensor2D; a: Tensor2D; b: Tensor2D }, TermAttributes>({
    name: `Nla${base.name}Lora`,
    compose: ({ inputs, attrs }) => {
      const { x, a, b } = inputs;
      return loraOutputs({ x: applyDropout(x, attrs), base: base.forward(x, weightOf(inputs), attrs), a, b }, attrs.scale);
    },
    gradient,
  });

  /** A result that is known already, with the gradients of the whole. */
  const knownKernel = defineDomainKernel<KernelInputs & { x: Tensor2D; a: Tensor2D; known: Tensor2D }, TermAttributes>({
    name: `NlaKnown${base.name}Lora`,
    compose: ({ inputs: { x, a, known }, attrs }) => [tf.clone(known), tf.matMul(applyDropout(x, attrs), a, false, true)],
    gradient,
  });

  return ({ x, weight, attrs, shape, term: { pair, scale, dropout } }) => {
    const inputs = { ...weight, x, a: pair.a, b: pair.b };
    const all = { ...attrs, scale, ...drawDropout(dropout) };
    // The narrow second result is for the gradient only.
    return tf.tidy(() =>
      productOf(
        shape,
        () => kernel.run(inputs, all),
        (known) => knownKernel.run({ ...inputs, known: known as Tensor2D }, all),
      ),
    ) as Tensor2D;
  };
}
