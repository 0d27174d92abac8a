import type { TrainContext } from '@nlakit/core';
import type { ParentExpectation, SftRecipe } from '@nlakit/nla/training';

/** What an adapter has to be for a verbalizer to start from it. */
export function avParentExpectation(recipe: SftRecipe, { contract, model }: TrainContext): ParentExpectation {
  return { role: 'av', recipe, contract, model: model.spec, blocks: model.spec.layers };
}
