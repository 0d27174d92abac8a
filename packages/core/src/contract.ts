import type { PerLayerIds } from './model.js';

/** A norm that vectors are rescaled to: a number, or null for "leave as they are". Read from the sidecar grammar, never guessed. */
export type Scale = number | null;

/** The slot in a prompt: the marker token and its two neighbours, all three checked. */
export interface TokenContract {
  readonly injectionChar: string;
  readonly injectionTokenId: number;
  readonly leftNeighborId: number;
  readonly rightNeighborId: number;
  /** The ids every AR prompt ends with, or null where nothing is promised. */
  readonly criticSuffixIds: readonly number[] | null;
}

/** Prompt texts. `av` holds `{injection_char}` once, `ar` holds `{explanation}` once. */
export interface PromptTemplates {
  readonly av: string;
  readonly ar: string;
  /** Whether the AV prompt goes through the model's chat template (it then already holds BOS). */
  readonly avChat: boolean;
}

/** All that an AV and an AR must agree on; comes from the sidecars and goes into them. */
export interface NlaContract {
  readonly baseModel: string;
  readonly dModel: number;
  /** K: the vectors are the output of block K, counted from 0. */
  readonly layer: number;
  /** Norm of the vector that replaces an embedding. */
  readonly injectionScale: Scale;
  /** Norm that prediction and target are brought to before their squared error is taken. */
  readonly mseScale: Scale;
  readonly tokens: TokenContract;
  readonly templates: PromptTemplates;
  readonly perLayerIds: PerLayerIds;
}
