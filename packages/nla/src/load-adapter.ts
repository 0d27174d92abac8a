import type { LoraAdapter, ModelSpec, Warning } from '@nlakit/core';
import { attach, readAdapter, underOtherPrefix } from '@nlakit/lora';
import { reachedLinears } from './training/initial-adapter.js';

/** An adapter read from disk, on the current backend. */
export interface LoadedAdapter {
  readonly adapter: LoraAdapter;
  /** Fields of its configuration that were ignored, and whether it changes nothing. */
  readonly warnings: readonly Warning[];
  /** Frees its tensors. */
  dispose(): void;
}

/**
 * Reads a PEFT adapter folder and copies its matrices to the backend. The file must hold exactly what its targets name in the model, or
 * in its first `blocks` blocks (a reconstructor is trained on those), under either of Gemma 4's prefixes. Throws what `readAdapter` throws.
 */
export async function loadAdapter(folder: string, model: ModelSpec, blocks: number = model.layers): Promise<LoadedAdapter> {
  const reached = reachedLinears(model, blocks);
  const candidates = [reached, model.linears, underOtherPrefix(reached), underOtherPrefix(model.linears)];
  const { spec, pairs, warnings } = await readAdapter(folder, ...candidates.filter((linears) => linears !== undefined));
  const attached = attach({ spec, pairs });
  return { adapter: attached.adapter, warnings, dispose: attached.dispose };
}
