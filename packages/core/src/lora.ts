import type { Tensor2D } from '@tensorflow/tfjs-core';
import type { RandomStream } from './random.js';

/** Which linears get an adapter, and of what size. PEFT's meaning of every field. */
export interface LoraSpec {
  readonly rank: number;
  readonly alpha: number;
  readonly dropout: number;
  /** A regular expression that must match the whole module path, or a list of path suffixes. */
  readonly targets: string | readonly string[];
  /** Scale alpha / sqrt(rank) instead of alpha / rank. */
  readonly rankStabilized: boolean;
}

/** The two matrices of one adapted linear: `y += scale · (x Aᵀ) Bᵀ`. */
export interface LoraPair {
  /** `[rank, in]` */
  readonly a: Tensor2D;
  /** `[out, rank]` */
  readonly b: Tensor2D;
}

/** Dropout on the input of a pair's first matrix, as PEFT has it. */
export interface LoraDropout {
  /** Probability that an element is dropped, in [0, 1); the others are divided by `1 - rate`. */
  readonly rate: number;
  /** Two whole numbers are drawn for each input. */
  readonly random: RandomStream;
}

/** What a pair adds to a linear: `scale * (dropout(x) Aᵀ) Bᵀ`. */
export interface LoraTerm {
  readonly pair: LoraPair;
  /** `alpha / rank`, or `alpha / sqrt(rank)` when rank-stabilised. */
  readonly scale: number;
  readonly dropout?: LoraDropout | undefined;
}

/** An adapter on the backend: attached to a model by `Model.adapt`. `pairs` is keyed by the linear's module path in the checkpoint, without `.weight`. */
export interface LoraAdapter {
  readonly spec: LoraSpec;
  readonly pairs: ReadonlyMap<string, LoraPair>;
}
