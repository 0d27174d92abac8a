import { NlaError, type ForwardInput, type LoraAdapter, type LoraPair, type Override, type RandomStream } from '@nlakit/core';
import { causalAttentionRows, geglu, normRope, rmsNorm, rmsNormAdd, tf } from '@nlakit/ops';
import type { Tensor, Tensor1D, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs-core';
import type { Gemma4Config, Gemma4Layer } from './config.js';
import type { TypeConstants } from './pass-plan.js';
import type { Gemma4Weights } from './weights.js';

/** Keys (normed, rotated) and values (normed) of one layer, each `[batch, keys, kvHeads, headDim]`. */
export interface KeysValues {
  readonly keys: Tensor4D;
  readonly values: Tensor4D;
}

/** What a block needs besides the residual stream. Rows are `batch × length` positions, row-major. */
export interface BlockInput {
  readonly batch: number;
  readonly length: number;
  /** Residual stream, `[rows, dModel]`. */
  readonly residual: Tensor2D;
  /** The block's own columns of the per-layer inputs, `[rows, perLayerWidth]`. */
  readonly perLayer: Tensor2D;
  readonly constants: TypeConstants;
  /** Keys and values of the donor in this same pass, for a layer that has none of its own. */
  readonly shared: KeysValues | undefined;
  /** Cached keys and values of earlier positions, for a layer with its own. */
  readonly past?: KeysValues | undefined;
  readonly dropout?: RandomStream | undefined;
}

/** The residual stream after the block, and the layer's own keys and values, if it has its own. */
export interface BlockOutput {
  readonly residual: Tensor2D;
  readonly own: KeysValues | undefined;
}

/** The decoder's parts, as differentiable functions of tensors. Nothing here disposes anything: callers work inside `tf.tidy`. */
export interface Gemma4Decoder {
  /** Factor between a row of the embedding table and the vector that enters block 0. */
  readonly embeddingScale: number;
  attach(adapter: LoraAdapter | null, pairs: ReadonlyMap<string, LoraPair>): void;
  /** Scaled embeddings with overrides in place, `[rows, dModel]`. */
  embed(input: EmbeddingInput): Tensor2D;
  /** Per-layer inputs of blocks `0 … count - 1`, each `[rows, perLayerWidth]`. */
  perLayerInputs(embeddings: Tensor2D, input: EmbeddingInput, count: number, dropout?: RandomStream): Tensor2D[];
  block(layer: Gemma4Layer, input: BlockInput): BlockOutput;
  /** The final norm. */
  norm(residual: Tensor2D): Tensor2D;
}

/** The part of a pass that the embedding reads. */
export type EmbeddingInput = Pick<ForwardInput, 'tokens' | 'length' | 'overrides' | 'perLayerIds'>;

/**
 * The Gemma 4 text decoder. Formulae: transformers `modeling_gemma4` and google-deepmind/gemma `gm/nn/gemma4`, which agree.
 *
 * @param roundScale rounds a scale to the precision that the reference would hold it in.
 */
export function createDecoder(config: Gemma4Config, weights: Gemma4Weights, roundScale: (scale: number) => number): Gemma4Decoder {
  const { dModel, perLayerWidth, epsilon } = config;
  const embeddingScale = roundScale(Math.sqrt(dModel));
  const perLayerScale = roundScale(Math.sqrt(perLayerWidth));
  const contextScale = dModel ** -0.5;
  // Put together once: a decoded token asks for some two hundred weights.
  const names = new Map(config.layers.map((layer) => [layer.index, weightNames(layer)]));
  const namesOf = ({ index }: Gemma4Layer): WeightNames => names.get(index) as WeightNames;
  let pairs: ReadonlyMap<string, LoraPair> = new Map();
  let loraScale = 0;
  let loraDropout = 0;

  /** A linear with its adapter: `x [rows, in]` to `[rows, out]`. */
  const linear = (x: Tensor2D, module: string, dropout?: RandomStream): Tensor2D => {
    const pair = pairs.get(module);
    if (pair === undefined) return weights.linear(x, module);
    const drop = dropout !== undefined && loraDropout > 0 ? { rate: loraDropout, random: dropout } : undefined;
    return weights.linear(x, module, { pair, scale: loraScale, dropout: drop });
  };

  /** Root-mean-square norm over the last axis; the weight multiplies as it is (not 1 + weight). */
  const norm = <T extends Tensor>(x: T, name: string | undefined): T =>
    rmsNorm<T>(x, name === undefined ? undefined : weights.vector(name), epsilon);

  /** The residual stream with a branch's normed result added. */
  const joined = (residual: Tensor2D, branch: Tensor2D, name: string, scale?: Tensor1D): Tensor2D =>
    rmsNormAdd(residual, branch, weights.vector(name), epsilon, scale);

  const attention = (layer: Gemma4Layer, h: Tensor2D, input: BlockInput): { output: Tensor2D; own: KeysValues | undefined } => {
    const { batch, length, constants, past, dropout } = input;
    const { headDim, kvHeads } = layer;
    const name = namesOf(layer);

    // [rows, heads * headDim] -> [batch, length, heads, headDim]; norm before rotation
    const turned = (module: 'q' | 'k'): Tensor4D =>
      normRope(linear(h, name[module], dropout), weights.vector(name[`${module}Norm`]), constants.cos, constants.sin, epsilon);
    const q = turned('q');

    let own: KeysValues | undefined;
    if (layer.donor === undefined) {
      const k = turned('k');
      // [rows, kvHeads * headDim] -> [batch, length, kvHeads, headDim]; values are normed without weight and never rotated
      const values: Tensor4D = tf.reshape(linear(h, name.v, dropout), [batch, length, kvHeads, headDim]);
      const v = norm(values, undefined);
      own = past === undefined ? { keys: k, values: v } : { keys: tf.concat([past.keys, k], 1), values: tf.concat([past.values, v], 1) };
    }
    const { keys: k, values: v } = own ?? donated(layer, input.shared);

    // The scale is 1: the query and key norms have absorbed it.
    const mixed = causalAttentionRows({ q, k, v, valid: constants.valid, window: layer.window, offset: constants.offset, scale: 1 });
    return { output: linear(mixed, name.o, dropout), own };
  };

  return {
    embeddingScale,

    attach(adapter, attached) {
      pairs = attached;
      loraScale =
        adapter === null ? 0 : adapter.spec.alpha / (adapter.spec.rankStabilized ? Math.sqrt(adapter.spec.rank) : adapter.spec.rank);
      loraDropout = adapter?.spec.dropout ?? 0;
    },

    embed({ tokens, length, overrides = [] }) {
      const scaled = tf.mul<Tensor2D>(weights.embedding.lookup(tokens), embeddingScale);
      return overrides.length === 0 ? scaled : replaceRows(scaled, overrides, length);
    },

    perLayerInputs(embeddings, { tokens, length, overrides = [], perLayerIds }, count, dropout) {
      const ids = tokens.slice();
      if (perLayerIds === 'pad') for (const { row, position } of overrides) ids[row * length + position] = config.padId;
      const rows = ids.length;
      const total = config.layers.length;

      const token = tf.mul(weights.perLayerEmbedding.lookup(ids), perLayerScale);
      const projected = tf.mul(linear(embeddings, 'per_layer_model_projection', dropout), contextScale);
      // [rows, layers * perLayerWidth] -> [rows, layers, perLayerWidth]: one norm of width perLayerWidth for every layer
      const context = norm(tf.reshape(projected, [rows, total, perLayerWidth]), 'per_layer_projection_norm.weight');
      // and back, so that each layer's part is a run of columns
      const both = tf.mul<Tensor2D>(tf.add(token, tf.reshape(context, [rows, total * perLayerWidth])), Math.SQRT1_2);
      const sizes = Array.from({ length: count }, () => perLayerWidth);
      if (count < total) sizes.push((total - count) * perLayerWidth);
      return tf.split<Tensor2D>(both, sizes, 1).slice(0, count);
    },

    block(layer, input) {
      const { residual, perLayer, dropout } = input;
      const name = namesOf(layer);

      const { output, own } = attention(layer, norm(residual, name.inputNorm), input);
      let x = joined(residual, output, name.attentionNorm);

      const h = norm(x, name.feedForwardNorm);
      const wide = geglu(linear(h, name.gate, dropout), linear(h, name.up, dropout));
      x = joined(x, linear(wide, name.down, dropout), name.afterFeedForwardNorm);

      // The per-layer branch reads the raw residual stream: no norm before it.
      const narrow = geglu(linear(x, name.perLayerGate, dropout), perLayer);
      const projected = linear(narrow, name.perLayerProjection, dropout);
      // The scalar multiplies the whole stream, not a branch.
      return { residual: joined(x, projected, name.perLayerNorm, weights.vector(name.scalar)), own };
    },

    norm: (residual) => norm(residual, 'norm.weight'),
  };
}

/** The names of the modules and vectors of one block, as a checkpoint has them. */
type WeightNames = ReturnType<typeof weightNames>;

function weightNames({ index }: Gemma4Layer) {
  const [at, attention, mlp] = [`layers.${index}`, `layers.${index}.self_attn`, `layers.${index}.mlp`];
  return {
    inputNorm: `${at}.input_layernorm.weight`,
    q: `${attention}.q_proj`,
    qNorm: `${attention}.q_norm.weight`,
    k: `${attention}.k_proj`,
    kNorm: `${attention}.k_norm.weight`,
    v: `${attention}.v_proj`,
    o: `${attention}.o_proj`,
    attentionNorm: `${at}.post_attention_layernorm.weight`,
    feedForwardNorm: `${at}.pre_feedforward_layernorm.weight`,
    gate: `${mlp}.gate_proj`,
    up: `${mlp}.up_proj`,
    down: `${mlp}.down_proj`,
    afterFeedForwardNorm: `${at}.post_feedforward_layernorm.weight`,
    perLayerGate: `${at}.per_layer_input_gate`,
    perLayerProjection: `${at}.per_layer_projection`,
    perLayerNorm: `${at}.post_per_layer_input_norm.weight`,
    scalar: `${at}.layer_scalar`,
  };
}

function donated(layer: Gemma4Layer, shared: KeysValues | undefined): KeysValues {
  if (shared !== undefined) return shared;
  throw new NlaError('E_SEGMENT_STATE', {
    message: `Block ${layer.index} needs keys and values of block ${layer.donor}, which are not there.`,
    fix: 'Run the segments in order, handing the whole state from each to the next.',
  });
}

/**
 * Replaces rows of `scaled [rows, dModel]` by the overrides' vectors: `scaled · keep + place · vectors`, which is exact (factors are
 * 0 and 1) and differentiable in both.
 */
function replaceRows(scaled: Tensor2D, overrides: readonly Override[], length: number): Tensor2D {
  const rows = scaled.shape[0];
  const keep = new Float32Array(rows).fill(1);
  const place = new Float32Array(rows * overrides.length);
  overrides.forEach(({ row, position }, index) => {
    keep[row * length + position] = 0;
    place[(row * length + position) * overrides.length + index] = 1;
  });
  const vectors = tf.stack(overrides.map(({ vector }) => (vector instanceof Float32Array ? tf.tensor1d(vector) : vector)));
  return tf.add(tf.mul(scaled, tf.tensor2d(keep, [rows, 1])), tf.matMul(tf.tensor2d(place, [rows, overrides.length]), vectors as Tensor2D));
}

/** `[rows, dModel]` as `[batch, length, dModel]`. */
export function asBatch(x: Tensor2D, batch: number, length: number): Tensor3D {
  return tf.reshape(x, [batch, length, x.shape[1]]);
}
