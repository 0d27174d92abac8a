import type { Trainer } from '@nlakit/core';
import { planTraining, runSft } from '@nlakit/nla/training';
import { createArTask } from './create-ar-task.js';
import type { ArSftRecipe } from './options.js';

/** Supervised fine-tuning of the reconstructor. Throws what `runSft` throws. */
export function createArTrainer(recipe: ArSftRecipe): Trainer {
  return {
    role: 'ar',
    steps: recipe.steps,
    plan: (context) => planTraining(recipe, context, context.layer === undefined ? context.spec.layers : context.layer + 1),
    train: (context, resume) =>
      runSft({ role: 'ar', recipe, createTask: (streams) => createArTask(recipe, context, streams) }, context, resume),
  };
}
