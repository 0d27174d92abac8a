import type { Model } from '@nlakit/core';
import { lastTokenHidden } from './last-token-hidden.js';

/**
 * Norm and first components of one activation: tells weights, quantizer and layer apart where names do not. Compared with a tolerance,
 * because backends differ in the last digits.
 */
export interface ActivationProbe {
  readonly norm: number;
  readonly components: readonly number[];
}

/** The activation of a fixed text: one short forward pass. */
export async function probeActivation(model: Model, layer: number): Promise<ActivationProbe> {
  const hidden = lastTokenHidden(model, [model.tokenizer.encode('dog: a domestic animal', { special: true })], layer);
  const vector = await hidden.data();
  hidden.dispose();
  return { norm: rounded(Math.hypot(...vector)), components: Array.from(vector.slice(0, 16), rounded) };
}

/** Equal but for what backends round differently. */
export function sameActivation(one: ActivationProbe, other: ActivationProbe): boolean {
  const tolerance = 1e-3 * other.norm;
  const near = (value: number | undefined, wanted: number) => value !== undefined && Math.abs(value - wanted) <= tolerance;
  return near(one.norm, other.norm) && other.components.every((value, at) => near(one.components[at], value));
}

/** Six digits: more would only be noise of the backend. */
function rounded(value: number): number {
  return Number(value.toPrecision(6));
}
