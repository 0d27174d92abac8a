import type { Injector, Scale } from '@nlakit/core';
import { applyVectors } from './apply.js';
import { guardScale } from './guard.js';
import { locateSlots } from './locate.js';
import type { EmbeddingInjectorOptions } from './options.js';

/** The injector of this package; also says whether the configuration acknowledges a scale that only one ratio supports. */
export interface EmbeddingInjector extends Injector {
  readonly allowOutOfDistribution: boolean;
}

/** Replaces the marker's embedding by the vector, rescaled to a fixed norm. */
export function createEmbeddingInjector(options: EmbeddingInjectorOptions): EmbeddingInjector {
  return {
    name: '@nlakit/injector-embedding',
    perLayerIds: options.perLayerIds,
    allowOutOfDistribution: options.allowOutOfDistribution,
    scale: (dModel) => resolveScale(options.scale, dModel),
    locate: locateSlots,
    guard: (stats, scale) => guardScale(stats, scale, options.computeDtype),
    apply: applyVectors,
  };
}

function resolveScale(scale: EmbeddingInjectorOptions['scale'], dModel: number): Scale {
  if (scale === 'raw' || scale === null) return null;
  return scale === 'sqrt_d_model' ? Math.sqrt(dModel) : scale;
}
