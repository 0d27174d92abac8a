import type { Scale, TokenContract } from './contract.js';
import type { ForwardInput, Override, PerLayerIds } from './model.js';
import type { Summary } from './tensors.js';

/** A place where a vector goes. */
export interface Slot {
  readonly row: number;
  readonly position: number;
}

/** The in-distribution check of an injection scale, recorded in the sidecar. */
export interface GuardReport {
  readonly verdict: 'accepted' | 'acknowledge' | 'refused';
  /** scale / median norm of the dataset's vectors; null where it means nothing (pre-normalised vectors, raw scale). */
  readonly activationRatio: number | null;
  /** scale / median norm of the model's embedding output. */
  readonly embeddingRatio: number | null;
  readonly medianActivationNorm: number;
  readonly medianEmbeddingNorm: number;
  /** Why, in sentences. */
  readonly reasons: readonly string[];
}

/** Finds the slot in a prompt and turns vectors into overrides: pure and strict. A miss is an error, never a no-op. */
export interface Injector {
  readonly name: string;
  /** How injected positions look up their per-layer embedding. */
  readonly perLayerIds: PerLayerIds;
  /** The injection norm for a model of that width, from the plugin's options and the scale grammar. */
  scale(dModel: number): Scale;
  /** Exactly one valid marker in every row, or `E_INJECTION_SLOT`. `tokens` is `[batch, length]`. */
  locate(tokens: Int32Array, batch: number, contract: TokenContract): readonly Slot[];
  guard(stats: { readonly activationNorms: Summary; readonly embeddingNorms: Summary }, scale: Scale): GuardReport;
  /** `vectors` is `[slots, dModel]`. Throws `E_INJECTION_VALUE` for NaN and infinity; a zero vector stays zero. */
  apply(slots: readonly Slot[], vectors: Float32Array, scale: Scale): NonNullable<ForwardInput['overrides']> & readonly Override[];
}
