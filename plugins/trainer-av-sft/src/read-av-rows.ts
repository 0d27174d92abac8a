import type { TrainContext } from '@nlakit/core';
import { avPrompt } from '@nlakit/nla';
import { type AvExample, buildAvExample, readStageRows, type StageRows } from '@nlakit/nla/training';
import type { AvSftRecipe } from './options.js';

/** The rows that the verbalizer is trained on, and `healthRows` that it is watched with. */
export function readAvRows(recipe: AvSftRecipe, context: TrainContext, healthRows = recipe.healthRows): Promise<StageRows<AvExample>> {
  const { contract, model } = context;
  const prompt = avPrompt(contract, model.tokenizer);
  return readStageRows({
    dataset: context.dataset,
    folder: context.dataFolder,
    split: 'avSft',
    build: (row) => buildAvExample(row, contract, model.tokenizer, prompt),
    maxLength: recipe.maxLength,
    maxRows: recipe.maxRows,
    healthRows,
    signal: context.signal,
  });
}
