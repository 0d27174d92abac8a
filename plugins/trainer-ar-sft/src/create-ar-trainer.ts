import type { Trainer } from '@nlakit/core';
import { planTraining, runSft } from '@nlakit/nla/training';
import { createArTask } from './create-ar-task.js';
import type { ArSftRecipe } from './options.js';

/** Supervised fine-tuning of the reconstructor. Throws what `runSft` throws. */
export function createArTrainer(recipe: ArSftRecipe): Trainer {
  return {
    role: 'ar',
    steps: recipe.steps,
    plan: (context) => Promise.resolve(planTraining(recipe, context, context.contract.layer + 1)),
    train: (context, resume) =>
      runSft({ role: 'ar', recipe, createTask: (streams) => createArTask(recipe, context, streams) }, context, resume),
  };
}
