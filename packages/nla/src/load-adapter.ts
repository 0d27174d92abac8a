import { attach, readAdapter } from '@nlakit/lora';
import type { LoraAdapter, Warning } from '@nlakit/core';

/** An adapter read from disk, on the current backend. */
export interface LoadedAdapter {
  readonly adapter: LoraAdapter;
  /** Fields of its configuration that were ignored. */
  readonly warnings: readonly Warning[];
  /** Frees its tensors. */
  dispose(): void;
}

/** Reads a PEFT adapter folder and copies its matrices to the backend. Throws what `readAdapter` throws. */
export async function loadAdapter(folder: string): Promise<LoadedAdapter> {
  const { spec, pairs, warnings } = await readAdapter(folder);
  const attached = attach({ spec, pairs });
  return { adapter: attached.adapter, warnings, dispose: attached.dispose };
}
