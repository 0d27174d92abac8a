import type { Injector, Model, NlaContract, PromptTemplates } from '@nlakit/core';
import { checkContract } from './check-contract.js';
import { measureTokens } from './marker/measure-tokens.js';
import { checkTemplates } from './templates.js';

/**
 * The contract of a new dataset for that model: marker, neighbours and suffix are measured in the tokenized prompts, the injection scale is
 * the injector's, and errors of reconstruction are measured at norm sqrt(dModel). Throws what `checkTemplates`, `measureTokens` and
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
  const contract: NlaContract = {
    baseModel: spec.name,
    dModel: spec.dModel,
    layer,
    injectionScale: injector.scale(spec.dModel),
    mseScale: Math.sqrt(spec.dModel),
    tokens: measureTokens(templates, tokenizer, { samples }),
    templates,
    perLayerIds: injector.perLayerIds,
  };
  checkContract(contract, tokenizer, spec);
  return contract;
}
