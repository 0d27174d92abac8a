import type { Injector } from '@nlakit/core';
import { createEmbeddingInjector } from '../../../../plugins/injector-embedding/src/embedding-injector.js';
import { createToyStage, type ToyStageOptions } from '../../../conformance/src/toy/toy-stage.js';

export { toyContract as fakeContract, toyRows as fakeRows } from '../../../conformance/src/toy/toy-stage.js';

export function fakeInjector(): Injector {
  return createEmbeddingInjector({ scale: 3, perLayerIds: 'marker', allowOutOfDistribution: false, computeDtype: 'f32' });
}

/** Everything a trainer is given, over the fake model and with the injector of this repository. */
export function fakeStage(options: ToyStageOptions = {}): ReturnType<typeof createToyStage> {
  return { ...createToyStage(options), injector: fakeInjector() };
}
