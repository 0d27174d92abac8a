import type { BackendCapabilities, MemoryPlan, ModelSpec, PlanContext } from '@nlakit/core';
import { isWorthKeeping } from '@nlakit/ops';
import { blockIndex } from './block-index.js';
import { adapterLinears } from './initial-adapter.js';
import type { SftRecipe } from './sft-options.js';

/** What a step works on, as far as its memory is concerned. */
export interface StepSize {
  /** Bytes of the base model on the backend. */
  readonly baseBytes: number;
  /** Numbers that are trained. */
  readonly trained: number;
  /** Tokens of the largest micro-batch, padding included, and rows among them that reach the head. */
  readonly tokens: number;
  readonly lossRows: number;
  /** Longest row, tokens: attention scores grow with its square. */
  readonly length: number;
  /** Blocks that are computed. */
  readonly blocks: number;
}

/** Values of a logits chunk or of the head's rows beside it; the head works through the vocabulary in pieces of about that size. */
const headValues = 2 ** 24;

/** What a block keeps of each linear for its backward pass, in copies of the linear's input and output. */
const copies = {
  inputs: 1,
  /** Result, what norms, rotation and gating make of it, and the gradients passing through. Fitted, see below. */
  outputs: 3.7,
  /** Scores, probabilities and their gradient. */
  scores: 3,
};

/**
 * Estimates what a supervised step needs on the backend, and beside it in host memory (parts marked so, not in `peakBytes`).
 *
 * Activations are those of the blocks that a backward pass holds at once: of all, or with checkpointing of the largest, besides the
 * states between blocks. There the output layer has done its work before the blocks go backward, so the larger of the two counts. The
 * factors are for quantizers that multiply with an adapter in one operation, and were fitted to measured steps of Gemma-4-E2B at 64 to 512 tokens and of smaller geometries; they hold within a tenth of the whole there.
 */
export function planMemory(
  recipe: Pick<SftRecipe, 'optimizer'>,
  spec: ModelSpec,
  size: StepSize,
  checkpointActivations: boolean,
): MemoryPlan {
  const perBlock = new Array<number>(size.blocks).fill(0);
  let largestLinear = 0;
  let keptProducts = 0;
  for (const [path, [out, inn]] of spec.linears) {
    largestLinear = Math.max(largestLinear, out * inn);
    const block = blockIndex(path);
    if (block >= size.blocks) continue;
    perBlock[block] = (perBlock[block] ?? 0) + inn * copies.inputs + out * copies.outputs;
    if (isWorthKeeping([out, inn])) keptProducts += out;
  }
  const held = perBlock.map((perToken) => 4 * size.tokens * perToken);
  // Scores are computed again on the way back, so those of one block are there at a time.
  const scores = 4 * size.tokens * copies.scores * (spec.footprint?.attentionHeads ?? 0) * size.length;
  const blocks =
    scores + (checkpointActivations ? held.reduce((most, bytes) => Math.max(most, bytes), 0) : held.reduce((sum, bytes) => sum + bytes, 0));
  const working = { name: checkpointActivations ? 'activations of one block' : 'activations of all blocks', bytes: Math.ceil(blocks) };
  const head = { name: 'output layer', bytes: 8 * Math.min(headValues, spec.vocabularySize * Math.max(size.lossRows, spec.dModel)) };
  const unpacked = { name: 'one weight unpacked', bytes: 4 * largestLinear };
  const moments = recipe.optimizer === 'adamw8bit' ? 2 : 8;
  const parts: MemoryPlan['parts'] = [
    { name: 'base model', bytes: size.baseBytes },
    { name: 'trained tensors', bytes: 4 * size.trained },
    ...(checkpointActivations
      ? [
          { name: 'states between blocks', bytes: 4 * size.tokens * (spec.footprint?.stateWidth ?? spec.dModel * size.blocks) },
          { name: 'products cheaper to keep', bytes: 4 * size.tokens * keptProducts },
        ]
      : []),
    ...(!checkpointActivations ? [working, unpacked, head] : working.bytes + unpacked.bytes > head.bytes ? [working, unpacked] : [head]),
    { name: 'gradients', bytes: checkpointActivations ? Math.ceil((4 * size.trained) / Math.max(1, size.blocks)) : 4 * size.trained },
    { name: 'optimizer state, master copy and gradient sum', bytes: (moments + 8) * size.trained, place: 'host' },
  ];
  return { parts, peakBytes: parts.reduce((total, { bytes, place }) => total + (place === 'host' ? 0 : bytes), 0) };
}

/** The size of a step whose rows are all as long as the recipe allows. `blocks` are computed, and adapted where targeted. */
export function largestStep(recipe: SftRecipe, { spec, baseBytes }: Pick<PlanContext, 'spec' | 'baseBytes'>, blocks: number): StepSize {
  let trained = 0;
  for (const [out, inn] of adapterLinears(recipe, spec, blocks).values()) trained += recipe.rank * (out + inn);
  const tokens = recipe.microBatch * recipe.maxLength;
  return { baseBytes, trained, tokens, lossRows: tokens, length: recipe.maxLength, blocks };
}

/** The plan for {@link largestStep}: a trainer's `plan`. */
export function planTraining(recipe: SftRecipe, context: PlanContext, blocks: number): MemoryPlan {
  const size = largestStep(recipe, context, blocks);
  return planMemory(recipe, context.spec, size, chooseCheckpointing(recipe, context.spec, size, context.capabilities));
}

/** Share of the backend's memory that kept activations may fill: the plan is an estimate, and heaps fragment. */
const share = 0.6;

/**
 * Whether a step computes activations again instead of keeping them: what the recipe says, or, where it leaves that open, only if
 * keeping them all would not leave enough of the backend's memory.
 */
export function chooseCheckpointing(
  recipe: Pick<SftRecipe, 'optimizer' | 'checkpointActivations'>,
  spec: ModelSpec,
  size: StepSize,
  capabilities: BackendCapabilities,
): boolean {
  if (recipe.checkpointActivations !== 'auto') return recipe.checkpointActivations;
  if (capabilities.deviceBytes === undefined) return false;
  return planMemory(recipe, spec, size, false).peakBytes > share * capabilities.deviceBytes;
}
