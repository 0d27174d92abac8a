import type { Backend, MemoryPlan, ModelSpec, TrainContext } from '@nlakit/core';
import { blockIndex } from './block-index.js';
import { adapterLinears } from './initial-adapter.js';
import type { SftRecipe } from './sft-options.js';

/**
 * Estimates what an SFT step needs: what is on the backend already (the base model), the trained tensors with their gradients, the
 * optimizer's state in host memory, and the activations kept for the backward pass, taken as inputs and outputs of all reached linears and
 * as much again for what stands between them.
 *
 * @param size trained parameters, tokens of the largest micro-batch, and the number of blocks that are computed.
 */
export function planMemory(
  recipe: Pick<SftRecipe, 'optimizer'>,
  spec: ModelSpec,
  backend: Backend,
  size: { readonly trained: number; readonly tokens: number; readonly lossRows: number; readonly blocks: number },
): MemoryPlan {
  let perToken = 0;
  for (const [path, [out, inn]] of spec.linears) {
    if (blockIndex(path) < size.blocks) perToken += out + inn;
  }
  const momentBytes = recipe.optimizer === 'adamw8bit' ? 2 : 8;
  const logitsChunk = Math.min(spec.vocabularySize, 32_768);
  const parts = [
    { name: 'base model', bytes: backend.memory().liveBytes },
    { name: 'trained tensors', bytes: 4 * size.trained },
    { name: 'gradients', bytes: 4 * size.trained },
    { name: 'optimizer state and master copy (host)', bytes: (momentBytes + 8) * size.trained },
    { name: 'activations', bytes: 8 * perToken * size.tokens },
    { name: 'logits', bytes: 8 * logitsChunk * size.lossRows },
  ];
  return { parts, peakBytes: parts.reduce((sum, part) => sum + part.bytes, 0) };
}

/** The plan before any row has been read: every row as long as the recipe allows. `blocks` are computed, and adapted where targeted. */
export function planTraining(recipe: SftRecipe, context: Pick<TrainContext, 'model' | 'backend'>, blocks: number): MemoryPlan {
  const { spec } = context.model;
  let trained = 0;
  for (const [out, inn] of adapterLinears(recipe, spec, blocks).values()) trained += recipe.rank * (out + inn);
  const tokens = recipe.microBatch * recipe.maxLength;
  return planMemory(recipe, spec, context.backend, { trained, tokens, lossRows: tokens, blocks });
}
