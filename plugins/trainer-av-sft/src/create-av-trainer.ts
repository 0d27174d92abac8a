import type { TrainContext, Trainer, TrainerState, TrainEvent } from '@nlakit/core';
import { planTraining, readParentAdapter, runSft } from '@nlakit/nla/training';
import { avParentExpectation } from './av-parent-expectation.js';
import { checkInjection } from './check-injection.js';
import { createAvTask } from './create-av-task.js';
import { readAvRows } from './read-av-rows.js';
import type { AvSftRecipe } from './options.js';

/**
 * Supervised fine-tuning of the verbalizer. The injection guard runs before anything is trained; its report is the first event. Throws
 * `E_INJECTION_GUARD` where it is not accepted, what `readParentAdapter` throws, and what `runSft` throws.
 *
 * @param baseFolder where the recipe's `from` starts, if it is relative.
 */
export function createAvTrainer(recipe: AvSftRecipe, baseFolder = '.'): Trainer {
  return {
    role: 'av',
    steps: recipe.steps,
    plan: (context) => planTraining(recipe, context, context.spec.layers),
    check: (context) => check(recipe, context, baseFolder),
    train: (context, resume) => train(recipe, context, baseFolder, resume),
  };
}

/** Guard and parent adapter, as they will be met when training begins. */
async function check(recipe: AvSftRecipe, context: TrainContext, baseFolder: string): Promise<void> {
  await readParentAdapter(avParentExpectation(recipe, context), baseFolder);
  const { norms } = await readAvRows(recipe, context, 0);
  if (norms.length === 0) return;
  const random = context.seeds.stream('av.sample');
  const before = random.state();
  const { model, injector, contract } = context;
  try {
    await checkInjection({ model, injector, scale: contract.injectionScale, random }, norms, recipe);
  } finally {
    // Training draws the same sample again.
    random.restore(before);
  }
}

async function* train(recipe: AvSftRecipe, context: TrainContext, baseFolder: string, resume?: TrainerState): AsyncGenerator<TrainEvent> {
  yield* runSft(
    {
      role: 'av',
      recipe,
      async createTask(streams) {
        const task = await createAvTask(recipe, context, streams, baseFolder);
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
