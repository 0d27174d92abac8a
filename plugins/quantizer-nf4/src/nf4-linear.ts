import type { LoraTerm } from '@nlakit/core';
import type { Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import { defineAdaptedLinear, defineDomainKernel, type DomainKernelDefinition, nf4Unpack, productOf, tf } from '@nlakit/ops';
import { roundTo, type StorageDtype } from './nf4-array.js';

/** An NF4 weight on the backend. */
export interface Nf4Tensors {
  /** `[n / 8]` int32, the packed bytes in file order. */
  readonly codes: Tensor1D;
  /** `[n / blockSize]` */
  readonly absmax: Tensor1D;
  readonly blockSize: number;
  readonly shape: readonly [out: number, inn: number];
  readonly storage: StorageDtype;
}

/** Rounds f32 values to bfloat16 or half precision and back. Through host memory: tfjs has no operation on bits. */
const roundKernel = defineDomainKernel<{ x: Tensor }, { dtype: StorageDtype }>({
  name: 'NlaRoundHalf',
  compose: ({ inputs: { x }, attrs: { dtype } }) => tf.tensor(roundTo(dtype, Float32Array.from(x.dataSync<'float32'>())), x.shape),
});

type Packed = { readonly codes: Tensor1D; readonly absmax: Tensor1D };
type HalfAttributes = { readonly blockSize: number; readonly shape: readonly number[]; readonly dtype: StorageDtype };

/** Unpacked and rounded: a kernel of its own so that a backend can round the 16 values of a block instead of all. */
const unpackHalfKernel = defineDomainKernel<Packed, HalfAttributes>({
  name: 'NlaNf4UnpackHalf',
  compose({ inputs: { codes, absmax }, attrs: { blockSize, shape, dtype } }) {
    const [out = 0, inn = 0] = shape;
    return roundKernel.run({ x: nf4Unpack({ codes, absmax, blockSize, shape: [out, inn] }) }, { dtype });
  },
});

/** The weight as f32 `[out, in]`, rounded to its storage dtype. The caller disposes it. */
export function unpackTensors({ codes, absmax, blockSize, shape, storage }: Nf4Tensors): Tensor2D {
  if (storage === 'float32') return nf4Unpack({ codes, absmax, blockSize, shape });
  return unpackHalfKernel.run<Tensor2D>({ codes, absmax }, { blockSize, shape, dtype: storage });
}

type Inputs = { readonly x: Tensor2D; readonly codes: Tensor1D; readonly absmax: Tensor1D };
type Attributes = { readonly blockSize: number; readonly out: number; readonly inn: number; readonly storage: StorageDtype };

/** `dx = dy · W`: the gradient of {@link linearKernel}, a kernel of its own so that a backend can fuse it, too. */
const linearGradKernel = defineDomainKernel<Omit<Inputs, 'x'> & { readonly dy: Tensor2D }, Attributes>({
  name: 'NlaNf4LinearGrad',
  compose: ({ inputs, attrs }) => multiply(inputs.dy, inputs, attrs, false),
});

const gradient: NonNullable<DomainKernelDefinition<Inputs, Attributes>['gradient']> = {
  saves: ['codes', 'absmax'],
  of: ({ dy: [dy], inputs: { codes, absmax }, attrs }) => ({
    x: () => linearGradKernel.run({ dy: dy as Tensor2D, codes: codes!, absmax: absmax! }, attrs),
  }),
};

/**
 * `y = x · Wᵀ` with `W` unpacked for the product and freed after it. Gradient: `dx = dy · W`, `W` being unpacked once more instead of
 * kept, so a trained model holds its weights in 4 bits only. Nothing flows to the codes.
 */
const linearKernel = defineDomainKernel<Inputs, Attributes>({
  name: 'NlaNf4Linear',
  compose: ({ inputs, attrs }) => multiply(inputs.x, inputs, attrs, true),
  gradient,
});

/** A product that is known already, with the gradient of the product. */
const knownLinearKernel = defineDomainKernel<Inputs & { readonly known: Tensor2D }, Attributes>({
  name: 'NlaKnownNf4Linear',
  compose: ({ inputs: { known } }) => tf.clone(known),
  gradient,
});

function multiply(left: Tensor2D, weight: Pick<Inputs, 'codes' | 'absmax'>, attrs: Attributes, transposed: boolean): Tensor2D {
  return tf.tidy(() => {
    const { blockSize, out, inn, storage } = attrs;
    const unpacked = unpackTensors({ codes: weight.codes, absmax: weight.absmax, blockSize, shape: [out, inn], storage });
    return tf.matMul(left, unpacked, false, transposed);
  });
}

/** `x [..., in]` times the transposed NF4 weight: `[..., out]`. Differentiable in `x`. */
export function nf4Linear(x: Tensor, weight: Nf4Tensors): Tensor {
  const { codes, absmax, blockSize, shape, storage } = weight;
  const [out, inn] = shape;
  const attrs = { blockSize, out, inn, storage };
  const multiplied = (x: Tensor2D): Tensor =>
    productOf(
      shape,
      () => linearKernel.run({ x, codes, absmax }, attrs),
      (known) => knownLinearKernel.run({ x, codes, absmax, known: known as Tensor2D }, attrs),
    );
  // The decoder works on [rows, width]: two reshapes fewer, each of which would also be recorded for the gradient.
  if (x.rank === 2 && x.shape[1] === inn) return multiplied(x as Tensor2D);
  return tf.tidy(() => tf.reshape(multiplied(tf.reshape(x, [-1, inn])), [...x.shape.slice(0, -1), out]));
}

const adapted = defineAdaptedLinear({
  name: 'Nf4',
  weight: ['codes', 'absmax'],
  forward: (x, weight, attrs) => linearKernel.run({ x, ...(weight as Packed) }, attrs as Attributes),
  inputGradient: (dy, weight, attrs) => linearGradKernel.run({ dy, ...(weight as Packed) }, attrs as Attributes),
});

/**
 * {@link nf4Linear} and the term of a LoRA pair in one operation. Differentiable in `x` and the pair.
 *
 * @param x `[rows, in]`
 * @returns `[rows, out]`
 *
 * Throws `E_DROPOUT_RATE`.
 */
export function nf4AdaptedLinear(x: Tensor2D, { codes, absmax, blockSize, shape, storage }: Nf4Tensors, term: LoraTerm): Tensor2D {
  const [out, inn] = shape;
  return adapted({ x, weight: { codes, absmax }, attrs: { blockSize, out, inn, storage }, shape, term });
}
