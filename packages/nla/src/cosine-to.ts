import { NlaError } from '@nlakit/core';

/**
 * Cosine between `target` and `prediction`, summed in float64. A zero vector has cosine 0 with everything.
 * Throws `E_VECTOR_LENGTH` for vectors of different length.
 */
export function cosineTo(target: Float32Array, prediction: Float32Array): number {
  if (target.length !== prediction.length) {
    throw new NlaError('E_VECTOR_LENGTH', {
      message: 'Two vectors that are compared differ in length.',
      found: `${prediction.length}`,
      expected: `${target.length}`,
    });
  }
  let dot = 0;
  let targetSquares = 0;
  let predictionSquares = 0;
  for (let index = 0; index < target.length; index++) {
    const a = target[index] ?? 0;
    const b = prediction[index] ?? 0;
    dot += a * b;
    targetSquares += a * a;
    predictionSquares += b * b;
  }
  const norms = Math.sqrt(targetSquares) * Math.sqrt(predictionSquares);
  return norms === 0 ? 0 : dot / norms;
}
