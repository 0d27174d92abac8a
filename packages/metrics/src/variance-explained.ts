import { NlaError } from '@nlakit/core';
import { mseNrm } from './cosine.js';
import { mean } from './summarize.js';

/**
 * Fraction of the variance of directions that predictions explain, `1 - mean(2 (1 - cos)) / (1 - rho²)`: the headline figure of
 * kitft/natural_language_autoencoders. 1 is perfect, 0 as good as the variance. It is not `1 - mse / 2`, which is the cosine. A constant prediction of unit norm in the mean direction
 * has `1 - 2 / (1 + rho)`, which is below 0. NaN where the reference vectors do not vary.
 */
export function fveNrm(cosines: ArrayLike<number>, baselines: { readonly rawvar: number }): number {
  return explained(cosines, baselines.rawvar);
}

/** As {@link fveNrm} with the error of the best constant of unit norm, `2 (1 - rho)`, below the line: positive iff the constant is beaten. */
export function fveMeannorm(cosines: ArrayLike<number>, baselines: { readonly meannorm: number }): number {
  return explained(cosines, baselines.meannorm);
}

/** The figure fve_nrm that a constant prediction of unit norm in the mean direction has, `1 - 2 / (1 + rho)`. */
export function constantFveNrm(rho: number): number {
  return 1 - 2 / (1 + rho);
}

/**
 * Fraction of raw variance explained, `1 - E‖v - v̂‖² / E‖v - centre‖²`, with the centre given (the mean of training vectors) or that of
 * `targets`; vectors are `[dModel]`. NaN where the targets do not vary. `E_METRICS_LENGTH` unless rows and vectors match.
 */
export function fveRaw(
  targets: readonly ArrayLike<number>[],
  predictions: readonly ArrayLike<number>[],
  centre: ArrayLike<number> = centreOf(targets),
): number {
  if (targets.length !== predictions.length || targets.length === 0) {
    throw new NlaError('E_METRICS_LENGTH', {
      message: 'There must be one prediction for every target.',
      found: `${targets.length} and ${predictions.length}`,
    });
  }
  let error = 0;
  let variance = 0;
  targets.forEach((target, index) => {
    const prediction = predictions[index] ?? [];
    if (prediction.length !== target.length || centre.length !== target.length) {
      throw new NlaError('E_METRICS_LENGTH', {
        message: 'Target, prediction and centre differ in length.',
        found: `${target.length}, ${prediction.length} and ${centre.length} in row ${index}`,
      });
    }
    for (let component = 0; component < target.length; component += 1) {
      const value = target[component] ?? NaN;
      error += (value - (prediction[component] ?? NaN)) ** 2;
      variance += (value - (centre[component] ?? NaN)) ** 2;
    }
  });
  return variance === 0 ? NaN : 1 - error / variance;
}

/** Variance that equal directions seem to have after rounding to float32, (2⁻²⁴)², with room to spare. */
const ROUNDING = 1e-12;

function explained(cosines: ArrayLike<number>, denominator: number): number {
  if (!(denominator > ROUNDING)) return NaN;
  return 1 - mseNrm(mean(cosines)) / denominator;
}

function centreOf(vectors: readonly ArrayLike<number>[]): Float64Array {
  const centre = new Float64Array(vectors[0]?.length ?? 0);
  for (const vector of vectors)
    for (let index = 0; index < centre.length; index += 1) centre[index] = (centre[index] ?? 0) + (vector[index] ?? NaN) / vectors.length;
  return centre;
}
