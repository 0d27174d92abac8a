import type { RandomStream } from '@nlakit/core';
import { initialLayerScalars } from './model-shape.js';

/** Standard deviation of a matrix's elements over `fan_in^(-1/2)`. Below 1 because every branch adds to one residual stream. */
const matrixGain = 0.6;
const perLayerEmbeddingGain = 0.5;

/**
 * Random weights for a model that is to be trained: embedding N(0, 1/d), per-layer embedding 0.5 N(0, 1/P), other matrices
 * 0.6 N(0, 1/fan_in), norms 1, layer scalars as {@link initialLayerScalars}.
 *
 * @param shapes checkpoint name to shape; the order decides which numbers a tensor draws.
 * @param perLayerWidth P, the width of one layer's embedding.
 */
export function initialWeights(
  shapes: ReadonlyMap<string, readonly number[]>,
  perLayerWidth: number,
  random: RandomStream,
): Map<string, Float32Array> {
  const weights = new Map<string, Float32Array>();
  for (const [name, shape] of shapes) {
    const values = new Float32Array(shape.reduce((product, extent) => product * extent, 1));
    const layer = /layers\.(\d+)\.layer_scalar$/.exec(name)?.[1];
    if (layer !== undefined) {
      values.fill(initialLayerScalars[Number(layer)] ?? 1);
    } else if (shape.length === 1) {
      values.fill(1);
    } else {
      const deviation = deviationOf(name, shape[1] ?? 1, perLayerWidth);
      for (let index = 0; index < values.length; index += 1) values[index] = deviation * random.normal();
    }
    weights.set(name, values);
  }
  return weights;
}

function deviationOf(name: string, width: number, perLayerWidth: number): number {
  if (name.endsWith('embed_tokens_per_layer.weight')) return perLayerEmbeddingGain / Math.sqrt(perLayerWidth);
  if (name.endsWith('embed_tokens.weight')) return 1 / Math.sqrt(width);
  return matrixGain / Math.sqrt(width);
}
