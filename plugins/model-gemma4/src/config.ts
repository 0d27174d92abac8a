import { NlaError, type JsonValue } from '@nlakit/core';
import { z } from 'zod';

/** What one decoder layer looks like; everything derived, nothing to be looked up again. */
export interface Gemma4Layer {
  readonly index: number;
  readonly type: 'sliding' | 'full';
  /** Width of one head, of queries, keys and values. */
  readonly headDim: number;
  readonly kvHeads: number;
  /** Width of the feed-forward network. */
  readonly feedForward: number;
  /** Keys a query sees, itself included; 0: all before it. */
  readonly window: number;
  /** The layer whose keys and values this one uses; `undefined` if it has its own. */
  readonly donor: number | undefined;
  /** Whether a later layer uses this layer's keys and values. */
  readonly isDonor: boolean;
}

/** Rotary embedding of one attention type. */
export interface RopeConfig {
  readonly theta: number;
  /** Share of a head's pairs that rotate. */
  readonly rotaryFraction: number;
  readonly factor: number;
}

/** The text decoder's shape, from either spelling of `config.json`. */
export interface Gemma4Config {
  readonly vocabularySize: number;
  readonly dModel: number;
  readonly heads: number;
  readonly layers: readonly Gemma4Layer[];
  /** Width of the per-layer embeddings. */
  readonly perLayerWidth: number;
  readonly perLayerVocabularySize: number;
  readonly rope: Readonly<Record<'sliding' | 'full', RopeConfig>>;
  /** 0: none. */
  readonly softcap: number;
  readonly epsilon: number;
  readonly padId: number;
  readonly eosIds: readonly number[];
  readonly bosId: number;
}

const size = z.number().int().positive();
const ropeEntry = z.object({
  rope_type: z.string().default('default'),
  rope_theta: z.number().positive().optional(),
  partial_rotary_factor: z.number().positive().max(1).optional(),
  factor: z.number().positive().optional(),
});

// Defaults are those of the reference's configuration class: a config.json may leave out what equals them.
const textConfig = z.object({
  model_type: z.string().default('gemma4_text'),
  vocab_size: size.default(262144),
  hidden_size: size.default(2304),
  intermediate_size: size.default(9216),
  num_hidden_layers: size.default(30),
  num_attention_heads: size.default(8),
  num_key_value_heads: size.default(4),
  head_dim: size.default(256),
  global_head_dim: size.nullish(),
  per_layer_config: z.record(z.string(), z.record(z.string(), z.unknown())).nullish(),
  attention_k_eq_v: z.boolean().nullish(),
  sliding_window: size.default(512),
  layer_types: z.array(z.enum(['sliding_attention', 'full_attention'])).nullish(),
  rope_parameters: z.object({ sliding_attention: ropeEntry.optional(), full_attention: ropeEntry.optional() }).nullish(),
  num_kv_shared_layers: z.number().int().nonnegative().default(0),
  use_double_wide_mlp: z.boolean().default(false),
  hidden_size_per_layer_input: z.number().int().nonnegative().nullish(),
  vocab_size_per_layer_input: size.default(262144),
  final_logit_softcapping: z.number().positive().nullish(),
  rms_norm_eps: z.number().positive().default(1e-6),
  hidden_activation: z.string().default('gelu_pytorch_tanh'),
  tie_word_embeddings: z.boolean().default(true),
  attention_bias: z.boolean().default(false),
  use_bidirectional_attention: z.union([z.string(), z.boolean()]).nullish(),
  enable_moe_block: z.boolean().nullish(),
  num_experts: z.number().nullish(),
  pad_token_id: z.number().int().nonnegative().nullish(),
  bos_token_id: z.number().int().nonnegative().nullish(),
  eos_token_id: z.union([z.number().int().nonnegative(), z.array(z.number().int().nonnegative())]).nullish(),
});

type TextConfig = z.infer<typeof textConfig>;

/**
 * Reads a `config.json`: the multimodal one with `text_config` nested in it, or the flat one of a text-only model; head sizes as
 * `global_head_dim` or as `per_layer_config`. Throws `E_MODEL_CONFIG` for a malformed file and `E_MODEL_UNSUPPORTED` for features
 * that this decoder lacks.
 */
export function parseGemma4Config(config: Readonly<Record<string, JsonValue>>, file?: string): Gemma4Config {
  const place = file === undefined ? {} : { file };
  const nested = config['text_config'];
  const modelType = config['model_type'];
  if (modelType !== undefined && modelType !== 'gemma4' && modelType !== 'gemma4_text') {
    throw unsupported(`model_type ${JSON.stringify(modelType)}`, 'gemma4 or gemma4_text', place);
  }
  const checked = textConfig.safeParse(typeof nested === 'object' && nested !== null ? nested : config);
  if (!checked.success) {
    const issue = checked.error.issues[0];
    throw new NlaError('E_MODEL_CONFIG', {
      message: `The model's config.json is malformed at ${issue?.path.join('.') ?? '(root)'}: ${issue?.message ?? 'unknown problem'}.`,
      expected: 'the config.json of a Gemma 4 checkpoint',
      fix: 'Take config.json from the same folder as the weights.',
      kind: 'input',
      ...place,
    });
  }
  const text = checked.data;
  rejectUnsupported(text, config['tie_word_embeddings'] === false, place);
  return {
    vocabularySize: text.vocab_size,
    dModel: text.hidden_size,
    heads: text.num_attention_heads,
    layers: deriveLayers(text, place),
    perLayerWidth: text.hidden_size_per_layer_input ?? 256,
    perLayerVocabularySize: text.vocab_size_per_layer_input,
    rope: {
      sliding: ropeOf(text.rope_parameters?.sliding_attention, 10_000, { type: 'default', fraction: 1 }, place),
      full: ropeOf(text.rope_parameters?.full_attention, 1_000_000, { type: 'proportional', fraction: 0.25 }, place),
    },
    softcap: text.final_logit_softcapping ?? 0,
    epsilon: text.rms_norm_eps,
    padId: text.pad_token_id ?? 0,
    bosId: text.bos_token_id ?? 2,
    eosIds: typeof text.eos_token_id === 'number' ? [text.eos_token_id] : (text.eos_token_id ?? [1]),
  };
}

function rejectUnsupported(text: TextConfig, outerUntied: boolean, place: { file?: string }): void {
  if (text.model_type !== 'gemma4_text' && text.model_type !== 'gemma4') {
    throw unsupported(`text model_type ${JSON.stringify(text.model_type)}`, 'gemma4_text', place);
  }
  if (text.enable_moe_block === true) throw unsupported('enable_moe_block: true (mixture of experts)', 'a dense model', place);
  if (text.attention_k_eq_v === true) throw unsupported('attention_k_eq_v: true (values made from keys)', 'attention_k_eq_v: false', place);
  if (text.attention_bias) throw unsupported('attention_bias: true', 'linears without bias', place);
  if (text.hidden_size_per_layer_input === 0)
    throw unsupported('hidden_size_per_layer_input: 0', 'a model with per-layer embeddings', place);
  if (!text.tie_word_embeddings || outerUntied)
    throw unsupported('tie_word_embeddings: false', 'an output layer tied to the embedding', place);
  if (text.hidden_activation !== 'gelu_pytorch_tanh') {
    throw unsupported(`hidden_activation ${JSON.stringify(text.hidden_activation)}`, 'gelu_pytorch_tanh', place);
  }
  // "vision" makes only image tokens see each other both ways; text stays causal.
  const bidirectional = text.use_bidirectional_attention ?? false;
  if (bidirectional !== false && bidirectional !== 'vision') {
    throw unsupported(`use_bidirectional_attention ${JSON.stringify(bidirectional)}`, 'causal attention', place);
  }
}

function deriveLayers(text: TextConfig, place: { file?: string }): Gemma4Layer[] {
  const count = text.num_hidden_layers;
  const named =
    text.layer_types ?? Array.from({ length: count }, (_, index) => ((index + 1) % 6 === 0 ? 'full_attention' : 'sliding_attention'));
  if (named.length !== count) {
    throw malformed(`layer_types has ${named.length} entries`, `${count}, one for each of num_hidden_layers`, place);
  }
  // The reference forces the last layer to full attention whatever the file says.
  const types = named.map((name, index) => (name === 'full_attention' || index === count - 1 ? 'full' : 'sliding'));
  const firstShared = count - text.num_kv_shared_layers;
  if (firstShared <= 0) throw malformed(`num_kv_shared_layers ${text.num_kv_shared_layers}`, `fewer than the ${count} layers`, place);

  const layers = types.map((type, index) => {
    const shared = index >= firstShared;
    // A shared layer takes keys and values from the last own layer of its type.
    const donor = shared ? types.lastIndexOf(type, firstShared - 1) : undefined;
    if (donor === -1) {
      throw malformed(
        `layer ${index} (${type}) shares keys and values, but none of layers 0..${firstShared - 1} is ${type}`,
        'a donor',
        place,
      );
    }
    return {
      index,
      type,
      ...headsOf(text, index, type, place),
      feedForward: text.intermediate_size * (text.use_double_wide_mlp && shared ? 2 : 1),
      window: type === 'sliding' ? text.sliding_window : 0,
      donor,
    } as const;
  });
  const donors = new Set(layers.map((layer) => layer.donor));
  return layers.map((layer) => {
    if (text.num_attention_heads % layer.kvHeads !== 0) {
      throw malformed(`${layer.kvHeads} key/value heads`, `a divisor of the ${text.num_attention_heads} query heads`, place);
    }
    return { ...layer, isDonor: donors.has(layer.index) };
  });
}

/** Head sizes: newer files list the layers that differ from `head_dim`, older ones name the size of all full-attention layers. */
function headsOf(
  text: TextConfig,
  index: number,
  type: 'sliding' | 'full',
  place: { file?: string },
): { headDim: number; kvHeads: number } {
  const usual = text.per_layer_config || type === 'sliding' ? text.head_dim : (text.global_head_dim ?? 512);
  const entry = text.per_layer_config?.[String(index)] ?? {};
  for (const key of Object.keys(entry)) {
    if (key !== 'head_dim' && key !== 'num_key_value_heads') {
      throw unsupported(`per_layer_config.${index}.${key}`, 'only head_dim and num_key_value_heads differ between layers', place);
    }
  }
  return {
    headDim: sizeOf(entry['head_dim'], usual, place),
    kvHeads: sizeOf(entry['num_key_value_heads'], text.num_key_value_heads, place),
  };
}

function sizeOf(value: unknown, otherwise: number, place: { file?: string }): number {
  if (value === undefined || value === null) return otherwise;
  if (typeof value === 'number' && Number.isInteger(value) && value > 0) return value;
  throw malformed(`per_layer_config holds ${JSON.stringify(value)}`, 'a positive integer', place);
}

function ropeOf(
  entry: z.infer<typeof ropeEntry> | undefined,
  theta: number,
  usual: { type: string; fraction: number },
  place: { file?: string },
): RopeConfig {
  const type = entry?.rope_type ?? usual.type;
  if (type !== 'default' && type !== 'proportional')
    throw unsupported(`rope_type ${JSON.stringify(type)}`, 'default or proportional', place);
  return {
    theta: entry?.rope_theta ?? theta,
    // The default type rotates every pair; only the proportional type knows a fraction.
    rotaryFraction: type === 'default' ? 1 : (entry?.partial_rotary_factor ?? (entry === undefined ? usual.fraction : 1)),
    factor: type === 'default' ? 1 : (entry?.factor ?? 1),
  };
}

function unsupported(found: string, expected: string, place: { file?: string }): NlaError {
  return new NlaError('E_MODEL_UNSUPPORTED', {
    message: 'The model has a feature that this decoder does not implement.',
    found,
    expected,
    fix: 'Use a dense Gemma 4 model with per-layer embeddings (E2B or E4B), or another model plugin.',
    kind: 'input',
    ...place,
  });
}

function malformed(found: string, expected: string, place: { file?: string }): NlaError {
  return new NlaError('E_MODEL_CONFIG', {
    message: "The model's config.json contradicts itself.",
    found,
    expected,
    fix: 'Take config.json from the same folder as the weights.',
    kind: 'input',
    ...place,
  });
}
