import type { BackendCapabilities, MemoryPlan, ModelSpec, PlanContext } from '@nlakit/core';
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

/**
 * Estimates what a supervised step needs on the backend, and beside it in host memory (parts marked so, not in `peakBytes`).
 *
 * Activations are those of the blocks that a backward pass holds at once: of all, or with checkpointing of the largest, besides the
 * states between blocks. Within a block they are counted as: input and output of each linear, the dropped-out input and its mask, and
 * what the operations between the linears keep, which is close to one more copy of the outputs; of attention, three score matrices.
 */
export function planMemory(
  recipe: Pick<SftRecipe, 'optimizer' | 'dropout'>,
  spec: ModelSpec,
  size: StepSize,
  checkpointActivations: boolean,
): MemoryPlan {
  const perBlock = new Array<number>(size.blocks).fill(0);
  let largestLinear = 0;
  for (const [path, [out, inn]] of spec.linears) {
    largestLinear = Math.max(largestLinear, out * inn);
    const block = blockIndex(path);
    if (block < size.blocks) perBlock[block] = (perBlock[block] ?? 0) + inn * (recipe.dropout > 0 ? 3 : 1) + 2 * out;
  }
  const scores = 3 * (spec.footprint?.attentionHeads ?? 0) * size.length;
  const held = perBlock.map((perToken) => 4 * size.tokens * (perToken + scores));
  const sum = held.reduce((total, bytes) => total + bytes, 0);
  const largest = held.reduce((most, bytes) => Math.max(most, bytes), 0);
  const moments = recipe.optimizer === 'adamw8bit' ? 2 : 8;
  const parts: MemoryPlan['parts'] = [
    { name: 'base model', bytes: size.baseBytes },
    { name: 'trained tensors', bytes: 4 * size.trained },
    ...(checkpointActivations
      ? [
          { name: 'states between blocks', bytes: 4 * size.tokens * (spec.footprint?.stateWidth ?? spec.dModel * size.blocks) },
          { name: 'activations of one block', bytes: largest },
          { name: 'gradients of one block', bytes: Math.ceil((4 * size.trained) / Math.max(1, size.blocks)) },
        ]
      : [
          { name: 'activations of all blocks', bytes: sum },
          { name: 'gradients', bytes: 4 * size.trained },
        ]),
    { name: 'one weight unpacked', bytes: 4 * largestLinear },
    { name: 'head', bytes: 8 * Math.min(headValues, spec.vocabularySize * Math.max(size.lossRows, spec.dModel)) },
    { name: 'optimizer state, master copy and gradient sum', bytes: (moments + 8) * size.trained, place: 'host' },
  ];
  return { parts, peakBytes: parts.reduce((total, { bytes, place }) => total + (place === 'host' ? 0 : bytes), 0) };
}

/** The plan of a stage whose rows are all as long as its recipe allows. `blocks` are computed, and adapted where targeted. */
export function planTraining(recipe: SftRecipe, { spec, baseBytes, capabilities }: PlanContext, blocks: number): MemoryPlan {
  let trained = 0;
  for (const [out, inn] of adapterLinears(recipe, spec, blocks).values()) trained += recipe.rank * (out + inn);
  const tokens = recipe.microBatch * recipe.maxLength;
  const size: StepSize = { baseBytes, trained, tokens, lossRows: tokens, length: recipe.maxLength, blocks };
  return planMemory(recipe, spec, size, chooseCheckpointing(recipe, spec, size, capabilities));
}

/** Share of the backend's memory that kept activations may fill: the plan is an estimate, and heaps fragment. */
const share = 0.6;

/**
 * Whether a step computes activations again instead of keeping them: what the recipe says, or, where it leaves that open, only if
 * keeping them all would not leave enough of the backend's memory.
 */
export function chooseCheckpointing(
  recipe: Pick<SftRecipe, 'optimizer' | 'dropout' | 'checkpointActivations'>,
  spec: ModelSpec,
  size: StepSize,
  capabilities: BackendCapabilities,
): boolean {
  if (recipe.checkpointActivations !== 'auto') return recipe.checkpointActivations;
  if (capabilities.deviceBytes === undefined) return false;
  return planMemory(recipe, spec, size, false).peakBytes > share * capabilities.deviceBytes;
}
