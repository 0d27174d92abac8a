import { type HostTensor, isNlaError, type JsonValue, NlaError } from '@nlakit/core';
import { clipGradients, createAdamW, createAdamW8bit, createSchedule, type Optimizer } from '@nlakit/optim';
import type { SftRecipe } from './sft-options.js';
import type { TrainedGroup } from './sft-task.js';

type StateTensor = HostTensor | { readonly shape: readonly number[]; readonly data: Uint8Array };

/** What an optimizer remembers besides its tensors. */
export interface GroupOptimizerFacts {
  readonly step: number;
  readonly hyperparameters: Readonly<Record<string, JsonValue>>;
}

/** One optimizer for each group of trained tensors; gradients are named `<group>/<tensor>`. */
export interface GroupOptimizer {
  /** The recipe's learning rate at a step that counts from 1, before a group's factor. */
  learningRate(step: number): number;
  /** Clips in place, over all groups together. Returns the norm before clipping; NaN if it is not finite, and then nothing was changed. */
  clip(gradients: ReadonlyMap<string, Float32Array>): number;
  /** Updates the host values of every group from gradients that `clip` found finite, and uploads them. Returns the L2 norm of the change, over all groups together. */
  update(gradients: ReadonlyMap<string, Float32Array>, learningRate: number): number;
  /** Tensors named `<group>/<tensor>.<part>`. */
  tensors(): ReadonlyMap<string, StateTensor>;
  facts(): Record<string, GroupOptimizerFacts>;
  restore(tensors: ReadonlyMap<string, StateTensor>, facts: Readonly<Record<string, GroupOptimizerFacts>>): void;
}

/** Optimizers and learning-rate schedule of a recipe. Throws `E_OPTIM_OPTIONS` and `E_OPTIM_SCHEDULE`. */
export function createGroupOptimizer(groups: ReadonlyMap<string, TrainedGroup>, recipe: SftRecipe): GroupOptimizer {
  const schedule = createSchedule({
    schedule: recipe.schedule,
    learningRate: recipe.learningRate,
    warmup: Math.min(recipe.warmup, recipe.steps),
    steps: recipe.steps,
    finalFraction: recipe.finalFraction,
  });
  const create = recipe.optimizer === 'adamw8bit' ? createAdamW8bit : createAdamW;
  const optimizers = new Map<string, Optimizer>();
  for (const group of groups.keys()) optimizers.set(group, create({ betas: recipe.betas, weightDecay: recipe.weightDecay }));
  return {
    learningRate: schedule,
    clip(gradients) {
      try {
        return clipGradients(gradients, recipe.clipNorm);
      } catch (error) {
        if (isNlaError(error) && error.code === 'E_OPTIM_GRADIENT') return Number.NaN;
        throw error;
      }
    },
    update(gradients, learningRate) {
      const changes: number[] = [];
      for (const [group, { trainable, learningRateFactor }] of groups) {
        const optimizer = optimizers.get(group);
        if (optimizer !== undefined)
          changes.push(optimizer.step(trainable.host, ofGroup(gradients, group), learningRate * learningRateFactor, { finite: true }));
        trainable.upload();
      }
      return Math.hypot(...changes);
    },
    tensors() {
      const all = new Map<string, StateTensor>();
      for (const [group, optimizer] of optimizers) {
        for (const [name, { shape, data }] of optimizer.state().tensors) {
          all.set(`${group}/${name}`, data instanceof Uint8Array ? { shape, data } : { shape, data });
        }
      }
      return all;
    },
    facts: () =>
      Object.fromEntries(
        [...optimizers].map(([group, optimizer]) => {
          const { step, hyperparameters } = optimizer.state();
          return [group, { step, hyperparameters }];
        }),
      ),
    restore(tensors, facts) {
      for (const [group, optimizer] of optimizers) {
        const known = facts[group];
        if (known === undefined) {
          throw new NlaError('E_RESUME_STATE', {
            message: 'The stored training state does not belong to this training, or is damaged.',
            found: `no optimizer state of ${group}`,
            kind: 'input',
          });
        }
        optimizer.restore({ ...known, tensors: ofGroup(tensors, group) });
      }
    },
  };
}

function ofGroup<Value>(named: ReadonlyMap<string, Value>, group: string): Map<string, Value> {
  const prefix = `${group}/`;
  return new Map([...named].filter(([name]) => name.startsWith(prefix)).map(([name, value]) => [name.slice(prefix.length), value]));
}
