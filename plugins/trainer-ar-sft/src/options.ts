import { resolveRecipe, sftShape, type SftRecipe } from '@nlakit/nla/training';
import { z } from 'zod';

/** Options of the AR trainer, complete. */
export interface ArSftRecipe extends SftRecipe {
  /** Highest learning rate of the value head. */
  readonly headLearningRate: number;
  /** Train towards another row's vector: the control that must not beat a constant prediction. */
  readonly shuffleTargets: boolean;
}

/** Options as they stand in a config; what they leave out comes from the preset and the defaults. `headLearningRate` defaults to `learningRate`. */
export const optionsSchema = z
  .strictObject({ ...sftShape, headLearningRate: z.number().positive().optional(), shuffleTargets: z.boolean().default(false) })
  .transform(({ headLearningRate, shuffleTargets, ...options }): ArSftRecipe => {
    const recipe = resolveRecipe(options, 'ar');
    return { ...recipe, headLearningRate: headLearningRate ?? recipe.learningRate, shuffleTargets };
  });
