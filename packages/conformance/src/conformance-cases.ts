import { NlaError, type Plugin, type PluginKind } from '@nlakit/core';
import type { ConformanceCase } from './conformance-case.js';
import { pluginCases } from './plugin-cases.js';
import { backendCases } from './suites/backend.js';
import { datasetCases } from './suites/dataset.js';
import { evaluatorCases } from './suites/evaluator.js';
import { injectorCases } from './suites/injector.js';
import { labelerCases } from './suites/labeler.js';
import { modelCases } from './suites/model.js';
import { publisherCases } from './suites/publisher.js';
import { quantizerCases } from './suites/quantizer.js';
import { trainerCases } from './suites/trainer.js';

/** The cases of each kind, those of every plugin left out. */
const suites: { readonly [Kind in PluginKind]: () => readonly ConformanceCase<Kind>[] } = {
  backend: backendCases,
  quantizer: quantizerCases,
  model: modelCases,
  injector: injectorCases,
  dataset: datasetCases,
  labeler: labelerCases,
  trainer: trainerCases,
  evaluator: evaluatorCases,
  publisher: publisherCases,
};

/** All cases of a plugin's kind, in the order they run. Throws `E_CONFORMANCE` for a kind that has no suite. */
export function conformanceCases<Kind extends PluginKind>({ kind }: Pick<Plugin<Kind>, 'kind'>): readonly ConformanceCase<Kind>[] {
  if (!(kind in suites)) {
    throw new NlaError('E_CONFORMANCE', {
      message: 'There is no suite for plugins of this kind.',
      found: JSON.stringify(kind),
      expected: Object.keys(suites).join(', '),
      kind: 'input',
    });
  }
  return [...pluginCases<Kind>(), ...suites[kind]()];
}
