import type { HostTensor, LoraAdapter, LoraPair, LoraSpec, ModelSpec, RandomStream } from '@nlakit/core';
import { createLora, exactTargets, targetsOf, type LoraHostPair } from '@nlakit/lora';
import { blockIndex } from './block-index.js';
import type { SftRecipe } from './sft-options.js';
import type { Trainable } from './trainable.js';

const suffixes = { a: '.lora_A', b: '.lora_B' } as const;

/** The linears that a recipe adapts, with `[out, in]`: its targets, in the first `blocks` blocks. Throws `E_LORA_TARGET` if there are none. */
export function adapterLinears(
  recipe: Pick<SftRecipe, 'targets'>,
  model: ModelSpec,
  blocks: number,
): Map<string, readonly [number, number]> {
  const reached = reachedLinears(model, blocks);
  const paths = new Set(targetsOf(recipe, reached));
  return new Map([...reached].filter(([path]) => paths.has(path)));
}

/**
 * The adapter that training starts with, on the first `blocks` blocks, as tensors named `<path>.lora_A` and `<path>.lora_B`: a fresh one of
 * the recipe, or a copy of `parent`, and then nothing is drawn from `random`. Its specification names exactly the linears that it adapts,
 * not all that the recipe's targets would match. Throws `E_LORA_SPEC` and `E_LORA_TARGET`.
 */
export function initialAdapter(
  recipe: SftRecipe,
  model: ModelSpec,
  blocks: number,
  random: RandomStream,
  parent?: { readonly pairs: ReadonlyMap<string, LoraHostPair> },
): { readonly spec: LoraSpec; readonly tensors: ReadonlyMap<string, HostTensor> } {
  const { rank, alpha, dropout, targets, rankStabilized } = recipe;
  const asked: LoraSpec = { rank, alpha, dropout, targets, rankStabilized };
  const { pairs } = parent ?? createLora(asked, reachedLinears(model, blocks), random);
  const spec: LoraSpec = { ...asked, targets: exactTargets(pairs.keys()) };
  const tensors = new Map<string, HostTensor>();
  for (const [path, { a, b }] of pairs) tensors.set(path + suffixes.a, a).set(path + suffixes.b, b);
  return { spec, tensors };
}

/** The adapter whose matrices are the trained variables. */
export function trainedAdapter(spec: LoraSpec, trainable: Trainable): LoraAdapter {
  const pairs = pairUp(trainable.variables, (a, b): LoraPair => ({ a: a as unknown as LoraPair['a'], b: b as unknown as LoraPair['b'] }));
  return { spec, pairs };
}

/** The matrices of a trained adapter by module path, copied. */
export function adapterPairs(trainable: Trainable): Map<string, LoraHostPair> {
  return pairUp(trainable.snapshot(), (a, b) => ({ a, b }));
}

/** The linears of the first `blocks` blocks, with `[out, in]`. */
export function reachedLinears(model: ModelSpec, blocks: number): Map<string, readonly [number, number]> {
  // A path outside the blocks has no block number and is reached by every full pass.
  return new Map([...model.linears].filter(([path]) => blocks >= model.layers || blockIndex(path) < blocks));
}

function pairUp<Value, Pair>(named: ReadonlyMap<string, Value>, pair: (a: Value, b: Value) => Pair): Map<string, Pair> {
  const pairs = new Map<string, Pair>();
  for (const [name, a] of named) {
    if (!name.endsWith(suffixes.a)) continue;
    const path = name.slice(0, -suffixes.a.length);
    const b = named.get(path + suffixes.b);
    if (b !== undefined) pairs.set(path, pair(a, b));
  }
  return pairs;
}
