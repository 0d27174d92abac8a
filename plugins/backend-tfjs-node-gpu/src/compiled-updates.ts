import type { StepFactors, UpdateKernels } from '@nlakit/optim';
import type { NlakitAddon } from './binding.js';

/** The optimizer's updates by our module: on all threads, to the bit of those in JavaScript. */
export function compiledUpdates(addon: NlakitAddon): UpdateKernels {
  return {
    f32: (p, g, m, v, factors) => addon.adamw(p, g, m, v, listed(factors)),
    quantized: (p, g, { state1, state2, absmax1, absmax2 }, factors, { blockSize, floor, signed, unsigned }) =>
      addon.adamw8bit(
        p,
        g,
        state1,
        state2,
        absmax1,
        absmax2,
        blockSize,
        floor,
        listed(factors),
        signed.values,
        signed.midpoints,
        signed.buckets,
        unsigned.values,
        unsigned.midpoints,
        unsigned.buckets,
      ),
    sumOfSquares: (values) => addon.sumOfSquares(values),
    scale: (values, factor) => addon.scale(values, factor),
  };
}

function listed({ beta1, beta2, epsilon, keep, stepSize, correction2 }: StepFactors): Float64Array {
  return Float64Array.of(beta1, beta2, epsilon, keep, stepSize, correction2);
}
