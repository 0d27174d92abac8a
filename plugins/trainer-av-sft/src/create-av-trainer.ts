import type { TrainContext, Trainer, TrainerState, TrainEvent } from '@nlakit/core';
import { planTraining, runSft } from '@nlakit/nla/training';
import { checkInjection } from './check-injection.js';
import { createAvTask } from './create-av-task.js';
import type { AvSftRecipe } from './options.js';

/**
 * Supervised fine-tuning of the verbalizer. The injection guard runs before anything is trained; its report is the first event. Throws
 * `E_INJECTION_GUARD` where it is not accepted, and what `runSft` throws.
 */
export function createAvTrainer(recipe: AvSftRecipe): Trainer {
  return {
    role: 'av',
    steps: recipe.steps,
    plan: (context) => planTraining(recipe, context, context.spec.layers),
    train: (context, resume) => train(recipe, context, resume),
  };
}

async function* train(recipe: AvSftRecipe, context: TrainContext, resume?: TrainerState): AsyncGenerator<TrainEvent> {
  yield* runSft(
    {
      role: 'av',
      recipe,
      async createTask(streams) {
        const task = await createAvTask(recipe, context, streams);
        if (task.norms.length === 0) return task;
        try {
          const { model, injector, contract } = context;
          const parts = { model, injector, scale: contract.injectionScale, random: streams.sample };
          const { guard, override } = await checkInjection(parts, task.norms, recipe);
          const warning = { code: 'W_INJECTION_GUARD', message: `The injection guard was overruled. ${guard.reasons.join(' ')}` };
          return {
            ...task,
            warnings: override ? [...task.warnings, warning] : task.warnings,
            announcements: [{ type: 'guard', guard, override }],
          };
        } catch (error) {
          task.dispose();
          throw error;
        }
      },
    },
    context,
    resume,
  );
}
