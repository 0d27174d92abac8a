import type { PluginKind } from '@nlakit/core';
import { anyPluginMutants } from './any-plugin.js';
import { backendMutants } from './backend.js';
import { datasetMutants } from './dataset.js';
import { evaluatorMutants } from './evaluator.js';
import { injectorMutants } from './injector.js';
import { labelerMutants } from './labeler.js';
import { modelMutants } from './model.js';
import type { Mutant } from './mutant.js';
import { publisherMutants } from './publisher.js';
import { quantizerMutants } from './quantizer.js';
import { trainerMutants } from './trainer.js';

const byKind: { readonly [Kind in PluginKind]: readonly Mutant<Kind>[] } = {
  backend: backendMutants,
  quantizer: quantizerMutants,
  model: modelMutants,
  injector: injectorMutants,
  dataset: datasetMutants,
  labeler: labelerMutants,
  trainer: trainerMutants,
  evaluator: evaluatorMutants,
  publisher: publisherMutants,
};

/** All mutants of a kind: each makes any plugin of that kind wrong in one way, and names the case that must notice. */
export function mutantsOf<Kind extends PluginKind>(kind: Kind): readonly Mutant<Kind>[] {
  return [...anyPluginMutants<Kind>(), ...byKind[kind]];
}
