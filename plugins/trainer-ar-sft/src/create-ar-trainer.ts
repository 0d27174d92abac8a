import type { Trainer } from '@nlakit/core';
import { planTraining, readParentAdapter, runSft } from '@nlakit/nla/training';
import { arParentExpectation } from './ar-parent-expectation.js';
import { createArTask } from './create-ar-task.js';
import type { ArSftRecipe } from './options.js';

/**
 * Supervised fine-tuning of the reconstructor. Throws what `readParentAdapter` and `runSft` throw.
 *
 * @param baseFolder where the recipe's `from` starts, if it is relative.
 */
export function createArTrainer(recipe: ArSftRecipe, baseFolder = '.'): Trainer {
  return {
    role: 'ar',
    steps: recipe.steps,
    plan: (context) => planTraining(recipe, context, context.layer === undefined ? context.spec.layers : context.layer + 1),
    async check(context) {
      await readParentAdapter(arParentExpectation(recipe, context), baseFolder);
    },
    train: (context, resume) =>
      runSft({ role: 'ar', recipe, createTask: (streams) => createArTask(recipe, context, streams, baseFolder) }, context, resume),
  };
}
