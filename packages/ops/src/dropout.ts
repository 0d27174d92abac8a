import { NlaError, type RandomStream } from '@nlakit/core';
import type { Tensor } from '@tensorflow/tfjs-core';
import { defineDomainKernel, type DomainKernel } from './domain-kernel.js';
import { tf } from './tensorflow.js';

/** A dropout that is drawn. `low` and `high`: 32 bits each, as signed whole numbers. */
export type DropoutAttributes = { readonly rate: number; readonly low: number; readonly high: number };

const dropoutKernel: DomainKernel<{ x: Tensor }, DropoutAttributes> = defineDomainKernel({
  name: 'NlaDropout',
  compose({ inputs: { x }, attrs: { rate, low, high } }) {
    const limit = rate * 2 ** 32;
    const kept = 1 / (1 - rate);
    const mask = new Float32Array(x.size);
    for (let index = 0; index < mask.length; index++) {
      mask[index] = scrambled((scrambled((index + low) | 0) + high) | 0) >>> 0 < limit ? 0 : kept;
    }
    return tf.mul(x, tf.tensor(mask, x.shape));
  },
  gradient: {
    saves: [],
    // The mask is a function of the seed and is made again, so that no gradient keeps one.
    of: ({ dy: [dy], attrs }) => ({ x: () => dropoutKernel.run({ x: dy as Tensor }, attrs) }),
  },
});

/**
 * Dropout: element `i` becomes 0 with probability `rate` and is divided by `1 - rate` otherwise. Which ones is a hash of `i` and of 64
 * random bits, the only numbers that are drawn, so every engine drops the same. Differentiable in `x`.
 *
 * @returns a new tensor of the shape of `x`; `x` itself at rate 0
 *
 * Throws `E_DROPOUT_RATE`.
 */
export function dropout<X extends Tensor>(x: X, rate: number, random: RandomStream): X {
  return applyDropout(x, drawDropout({ rate, random }));
}

/** The attributes of one dropout: draws two whole numbers, or nothing at rate 0. Throws `E_DROPOUT_RATE`. */
export function drawDropout(dropout: { readonly rate: number; readonly random: RandomStream } | undefined): DropoutAttributes {
  const { rate = 0, random } = dropout ?? {};
  if (!(rate >= 0 && rate < 1)) {
    throw new NlaError('E_DROPOUT_RATE', {
      message: 'A dropout rate is a probability below 1.',
      found: String(rate),
      expected: '0 <= rate < 1',
      kind: 'input',
    });
  }
  if (rate === 0 || random === undefined) return { rate: 0, low: 0, high: 0 };
  return { rate, low: random.integer(2 ** 32) | 0, high: random.integer(2 ** 32) | 0 };
}

/** {@link dropout} as it was drawn: a new tensor; `x` itself at rate 0. */
export function applyDropout<X extends Tensor>(x: X, { rate, low, high }: DropoutAttributes): X {
  return rate === 0 ? x : dropoutKernel.run<X>({ x }, { rate, low, high });
}

/** The 32-bit hash "lowbias32" of C. Wellons (nullprogram.com/blog/2018/07/31), signed. */
function scrambled(value: number): number {
  let x = value;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return x ^ (x >>> 16);
}
