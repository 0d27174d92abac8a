import type { Injector, Model, NlaContract, PromptTemplates, Tokenizer } from '@nlakit/core';
import { checkContract } from './check-contract.js';
import { findMarker } from './find-marker.js';
import { arPromptIds, avPromptIds } from './prompts.js';
import { checkTemplates } from './templates.js';

/** Two texts that end differently, so that a suffix which merges with what stands before it shows. */
const plainSamples = ['a short text.', 'word'];

/**
 * The contract of a new dataset for that model: marker, neighbours and suffix are read off the tokenized prompts, the injection scale is the
 * injector's, and errors of reconstruction are measured at norm sqrt(dModel). Throws what `checkTemplates`, `findMarker` and
 * `checkContract` throw.
 *
 * @param samples explanations like those of the dataset, where their form is known; the suffix is what their AR prompts have in common.
 */
export function contractFor(
  templates: PromptTemplates,
  { model, injector, layer }: { readonly model: Pick<Model, 'spec' | 'tokenizer'>; readonly injector: Injector; readonly layer: number },
  samples: readonly string[] = [],
): NlaContract {
  checkTemplates(templates);
  const { tokenizer, spec } = model;
  const marker = findMarker(tokenizer);
  const tokens = {
    injectionChar: marker.char,
    injectionTokenId: marker.id,
    leftNeighborId: -1,
    rightNeighborId: -1,
    criticSuffixIds: null,
  };
  const prompt = avPromptIds({ templates, tokens }, tokenizer);
  const slot = prompt.indexOf(marker.id);
  const contract: NlaContract = {
    baseModel: spec.name,
    dModel: spec.dModel,
    layer,
    injectionScale: injector.scale(spec.dModel),
    mseScale: Math.sqrt(spec.dModel),
    tokens: {
      ...tokens,
      leftNeighborId: prompt[slot - 1] ?? -1,
      rightNeighborId: prompt[slot + 1] ?? -1,
      criticSuffixIds: commonSuffix(templates, tokenizer, [...plainSamples, ...samples]),
    },
    templates,
    perLayerIds: injector.perLayerIds,
  };
  checkContract(contract, tokenizer, spec);
  return contract;
}

/** The ids that AR prompts end with whatever their explanation ends with; null if there are none. */
function commonSuffix(templates: PromptTemplates, tokenizer: Tokenizer, samples: readonly string[]): readonly number[] | null {
  const prompts = samples.map((sample) => Array.from(arPromptIds({ templates }, tokenizer, sample)));
  const [first = [], ...others] = prompts;
  let length = 0;
  while (length < first.length && others.every((other) => other.at(-1 - length) === first.at(-1 - length))) length += 1;
  return length === 0 ? null : first.slice(first.length - length);
}
