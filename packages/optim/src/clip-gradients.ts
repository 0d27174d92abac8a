import { refuseNonFinite } from './check-gradients.js';
import { sumOfSquares } from './sum-of-squares.js';
import { updateKernels } from './update-kernels.js';

/** L2 norm over all elements of all gradients, in f64. Throws `E_OPTIM_GRADIENT` if one is not finite. */
export function gradientNorm(gradients: ReadonlyMap<string, Float32Array>): number {
  const squares = updateKernels().sumOfSquares ?? sumOfSquares;
  let sum = 0;
  for (const gradient of gradients.values()) sum += squares(gradient);
  // Squares of f32 cannot overflow an f64, so only a gradient that is not finite itself gets here.
  if (!Number.isFinite(sum)) for (const [name, gradient] of gradients) refuseNonFinite(name, gradient);
  return Math.sqrt(sum);
}

/**
 * Scales all gradients, in place, by `maxNorm / (norm + 1e-6)` if that is below 1 (torch.nn.utils.clip_grad_norm_). Returns the
 * norm before scaling. `maxNorm` 0 or infinite: only measures. Throws `E_OPTIM_GRADIENT`, and then has changed nothing.
 */
export function clipGradients(gradients: ReadonlyMap<string, Float32Array>, maxNorm: number): number {
  const norm = gradientNorm(gradients);
  const factor = maxNorm / (norm + 1e-6);
  if (maxNorm > 0 && factor < 1) {
    const scaling = updateKernels().scale ?? scale;
    for (const gradient of gradients.values()) scaling(gradient, factor);
  }
  return norm;
}

function scale(values: Float32Array, factor: number): void {
  for (let i = 0; i < values.length; i++) values[i] = values[i]! * factor;
}
