import type { ParameterUpdate, SharedFactors, UpdateKernels, UpdateSettings } from '@nlakit/optim';
import type { NlakitAddon } from './binding.js';

/** The optimizer's updates by our module: on all threads, to the bit of those in JavaScript. */
export function compiledUpdates(addon: NlakitAddon): UpdateKernels {
  const all = (updates: readonly ParameterUpdate[], shared: SharedFactors, settings?: UpdateSettings): Float64Array => {
    const arrays = updates.flatMap(({ p, g, moments }) =>
      'absmax1' in moments
        ? [p, g, moments.state1, moments.state2, moments.absmax1, moments.absmax2]
        : [p, g, moments.state1, moments.state2],
    );
    const keeps = Float64Array.from(updates, ({ keep }) => keep);
    const sums = new Float64Array(updates.length);
    const { beta1, beta2, epsilon, stepSize, correction2 } = shared;
    const factors = Float64Array.of(beta1, beta2, epsilon, stepSize, correction2);
    const books = settings !== undefined && updates.some(({ moments }) => 'absmax1' in moments) ? booksOf(settings) : [];
    addon.adamw(arrays, keeps, sums, factors, settings?.blockSize ?? 1, settings?.floor ?? false, books);
    return sums;
  };
  const one = (update: ParameterUpdate, shared: SharedFactors, settings?: UpdateSettings): number =>
    all([update], shared, settings)[0] ?? NaN;
  return {
    f32: (p, g, state1, state2, factors) => one({ p, g, moments: { state1, state2 }, keep: factors.keep }, factors),
    quantized: (p, g, moments, factors, settings) => one({ p, g, moments, keep: factors.keep }, factors, settings),
    all,
    sumOfSquares: (values) => addon.sumOfSquares(values),
    scale: (values, factor) => addon.scale(values, factor),
  };
}

function booksOf({ signed, unsigned }: UpdateSettings): (Float32Array | Uint8Array)[] {
  return [signed, unsigned].flatMap(({ values, midpoints, buckets }) => [values, midpoints, buckets]);
}
