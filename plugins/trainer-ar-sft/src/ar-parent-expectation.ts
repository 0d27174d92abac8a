import type { TrainContext } from '@nlakit/core';
import type { ParentExpectation, SftRecipe } from '@nlakit/nla/training';

/** What an adapter has to be for a reconstructor to start from it. */
export function arParentExpectation(recipe: SftRecipe, { contract, model }: TrainContext): ParentExpectation {
  return { role: 'ar', recipe, contract, model: model.spec, blocks: contract.layer + 1 };
}
