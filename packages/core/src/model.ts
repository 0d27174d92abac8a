import type { Tensor, Tensor1D, Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import type { JsonValue } from './events.js';
import type { LoraAdapter } from './lora.js';
import type { RandomStream } from './random.js';
import type { NamedTensors } from './tensors.js';
import type { Tokenizer } from './tokenizer.js';

/** Where a model comes from: a folder, a data package (`@nlakit/tiny-gemma4`) or a Hub id. Resolved by the loader. */
export interface ModelSource {
  readonly source: string;
  /** Folder that a relative `source` starts from. */
  readonly baseFolder?: string;
}

/** What is known of a model before its weights are read. */
export interface ModelSpec {
  /** Name for sidecars and cards: the Hub id or package name. */
  readonly name: string;
  readonly architecture: string;
  readonly dModel: number;
  readonly layers: number;
  readonly vocabularySize: number;
  /** Factor between an embedding row and the vector that enters block 0. */
  readonly embeddingScale: number;
  /** Canonical names of the places that can be captured: `blocks.5.hook_out`. */
  readonly hookPoints: readonly string[];
  /** Linears that an adapter can target: module path in the checkpoint to `[out, in]`. */
  readonly linears: ReadonlyMap<string, readonly [out: number, inn: number]>;
  readonly parameters: number;
  /** What a memory plan has to know besides the linears; absent for models that do not plan. */
  readonly footprint?: ModelFootprint;
  /** Tells these weights and this tokenizer from any other (a hash); absent for models that exist in memory only. */
  readonly fingerprint?: string;
  /** The model's `config.json`. */
  readonly config: Readonly<Record<string, JsonValue>>;
}

/** Memory that does not follow from the shapes of the linears. */
export interface ModelFootprint {
  /** Bytes on the backend of all weights that are no linears (tables, norms, scalars). */
  readonly backendBytes: number;
  /** Bytes of f32 that stay off the backend and are read by row or chunk. */
  readonly hostBytes: number;
  /** Values of the residual stream and its companions handed from block to block, per token. */
  readonly stateWidth: number;
  readonly attentionHeads: number;
}

/** Name of the output of block `layer`: the residual stream after everything the block does. */
export function blockOutput(layer: number): string {
  return `blocks.${layer}.hook_out`;
}

/** Reads a model's description cheaply, or the whole model. */
export interface ModelLoader {
  describe(source?: ModelSource): Promise<ModelSpec>;
  load(source?: ModelSource): Promise<Model>;
}

/** How the per-layer embedding of an injected position is looked up: by the marker's own id, or by the padding id. */
export type PerLayerIds = 'marker' | 'pad';

/** A vector that replaces one position's embedding, after the embedding scale has been applied. */
export interface Override {
  readonly row: number;
  readonly position: number;
  /** `[dModel]` */
  readonly vector: Float32Array | Tensor1D;
}

/** One pass over a batch of token rows of equal length. */
export interface ForwardInput {
  /** `[batch, length]`, row-major. */
  readonly tokens: Int32Array;
  readonly batch: number;
  readonly length: number;
  /** 1 where a token is real, 0 where it is padding, `[batch, length]`. All real when absent. Padding may stand left or right. */
  readonly mask?: Uint8Array;
  readonly overrides?: readonly Override[];
  /** Defaults to `marker`. */
  readonly perLayerIds?: PerLayerIds;
  /** Stop after the block of that index; nothing behind it is computed. */
  readonly stopAfterBlock?: number;
  /** Hook points whose values are wanted. */
  readonly capture?: readonly string[];
  /** Whether the final norm's output is wanted (default: yes unless `stopAfterBlock` is given). */
  readonly final?: boolean;
  /** Random stream for adapter dropout; absent in evaluation. */
  readonly dropout?: RandomStream;
}

/** The caller owns every tensor returned. */
export interface ForwardOutput {
  /** After the final norm, `[batch, length, dModel]`: what the head reads. */
  readonly final?: Tensor3D;
  /** Captured hook points, each `[batch, length, dModel]`. */
  readonly hidden: Readonly<Record<string, Tensor3D>>;
}

/** Name under which the state behind the last segment holds the final norm's output, if the pass reaches it. */
export const finalState = 'final';

/**
 * One piece of the forward pass: a pure function from named tensors to named tensors. Run one after another from an empty state
 * they give what `forward` gives, bit for bit; whatever a later segment reads (keys and values of donor layers too) is in the state.
 * An entry that a segment only hands on is the same tensor as before. The last state holds {@link finalState} and every captured hook
 * point under its own name.
 */
export interface Segment {
  readonly name: string;
  run(state: NamedTensors): NamedTensors;
}

/** The output layer, tied or not. Row counts may be large: the vocabulary is worked through in chunks. */
export interface ModelHead {
  /** `hidden [rows, dModel]` (after the final norm) to softcapped logits `[rows, vocabulary]`. */
  logits(hidden: Tensor2D): Tensor2D;
  /** Cross-entropy in nats of each row's target, `[rows]`, differentiable in `hidden`. */
  crossEntropy(hidden: Tensor2D, targets: Int32Array): Tensor1D;
}

/** Cached decoding of a batch of prompts. */
export interface GenerateInput {
  /** Token ids of each prompt. Prompts of different length are padded on the left. */
  readonly prompts: readonly Int32Array[];
  /** Overrides in prompt coordinates: `row` indexes `prompts`, `position` counts from the prompt's first token. */
  readonly overrides?: readonly Override[];
  readonly perLayerIds?: PerLayerIds;
  readonly maxNewTokens: number;
  /** Stop tokens are forbidden before that many new tokens. */
  readonly minNewTokens?: number;
  /** A row ends when it emits one of these; the stop token is part of its output. Empty to never stop early. */
  readonly stopIds: readonly number[];
  /** Ids that may never be emitted. */
  readonly forbiddenIds?: readonly number[];
  /** Absent or 0: greedy. */
  readonly temperature?: number;
  readonly topK?: number;
  readonly random?: RandomStream;
  /** Also return each step's logits. */
  readonly logits?: boolean;
  readonly signal?: AbortSignal;
}

/** One new token for every row. */
export interface GenerateStep {
  readonly index: number;
  /** The new id of each row; -1 for rows that have already ended. */
  readonly ids: Int32Array;
  /** `[rows, vocabulary]`, row-major, if asked for. */
  readonly logits?: Float32Array;
}

/** A language model with hook points, on the current backend. */
export interface Model {
  readonly spec: ModelSpec;
  readonly tokenizer: Tokenizer;
  readonly head: ModelHead;
  /** Attaches an adapter, or detaches it with `null`. The model does not own the adapter. Throws `E_LORA_TARGET` for unknown linears. */
  adapt(adapter: LoraAdapter | null): void;
  forward(input: ForwardInput): ForwardOutput;
  segments(input: ForwardInput): readonly Segment[];
  generate(input: GenerateInput): AsyncIterable<GenerateStep>;
  /** Embedding-output vectors of the given ids, after scaling, `[ids, dModel]` row-major. */
  embed(ids: Int32Array): Promise<Float32Array>;
  /** All weights by checkpoint name, for code that trains the base model itself; undefined if the weights are packed or on disk. */
  parameters?(): ReadonlyMap<string, Tensor>;
  dispose(): void;
}
