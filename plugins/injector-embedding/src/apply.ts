import { NlaError } from '@nlakit/core';
import type { Override, Scale, Slot } from '@nlakit/core';

/** Below this norm a vector is taken for zero and stays as it is. */
const smallestNorm = 1e-12;

/**
 * `row := v · scale / max(‖v‖₂, 1e-12)`, or `v` itself where the scale is null: the replacement rule of
 * kitft/natural_language_autoencoders, for the output of the embedding (after Gemma's factor √d). `vectors` is `[slots, dModel]`.
 * `E_INJECTION_VALUE` for NaN and infinity, `E_INJECTION_SHAPE` where vectors and slots do not go together.
 */
export function applyVectors(slots: readonly Slot[], vectors: Float32Array, scale: Scale): readonly Override[] {
  if (slots.length === 0 || vectors.length === 0 || vectors.length % slots.length !== 0) {
    throw new NlaError('E_INJECTION_SHAPE', {
      message: 'There must be one vector for every slot.',
      found: `${vectors.length} numbers for ${slots.length} slots`,
    });
  }
  if (scale !== null && !(Number.isFinite(scale) && scale > 0)) {
    throw new NlaError('E_INJECTION_VALUE', {
      message: 'The injection scale must be a positive number.',
      found: String(scale),
      kind: 'input',
    });
  }
  const dModel = vectors.length / slots.length;
  return slots.map(({ row, position }, index) => ({
    row,
    position,
    vector: scaled(vectors.subarray(index * dModel, (index + 1) * dModel), scale, index),
  }));
}

function scaled(vector: Float32Array, scale: Scale, index: number): Float32Array {
  let squares = 0;
  for (let component = 0; component < vector.length; component += 1) {
    const value = vector[component] ?? NaN;
    if (!Number.isFinite(value)) {
      throw new NlaError('E_INJECTION_VALUE', {
        message: `Vector ${index} holds a value that cannot be injected.`,
        found: `${String(value)} at component ${component}`,
        expected: 'finite numbers',
        kind: 'input',
      });
    }
    squares += value * value;
  }
  // A copy even without scaling: the caller may reuse its buffer before the forward pass reads this one.
  if (scale === null) return vector.slice();
  const factor = scale / Math.max(Math.sqrt(squares), smallestNorm);
  return vector.map((value) => value * factor);
}
