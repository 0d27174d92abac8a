import type { JsonValue } from '@nlakit/core';
import { bosId, eosId, padId, vocabularySize } from './vocabulary.js';

/** `layer_scalar` of every layer before training. Away from 1, so that a reader that forgets it gives other numbers. */
export const initialLayerScalars = [0.8, 0.85, 0.9, 0.9, 0.9, 0.95, 0.95, 1.05] as const;

/** Index of the block whose output the embedded task reads: two thirds of the depth. */
export const probedLayer = 5;

const layerTypes = [
  'sliding_attention',
  'sliding_attention',
  'sliding_attention',
  'full_attention',
  'sliding_attention',
  'sliding_attention',
  'sliding_attention',
  'full_attention',
] as const;

/**
 * `config.json` of the bundled model: every mechanism of Gemma 4's text decoder at small size. Sliding and full attention with two
 * head sizes, keys and values shared by the last three layers (which are twice as wide), per-layer embeddings, softcap.
 */
export function modelConfig(): Readonly<Record<string, JsonValue>> {
  return {
    architectures: ['Gemma4ForConditionalGeneration'],
    audio_config: null,
    dtype: 'bfloat16',
    model_type: 'gemma4',
    text_config: {
      attention_bias: false,
      attention_dropout: 0,
      attention_k_eq_v: false,
      bos_token_id: bosId,
      enable_moe_block: false,
      eos_token_id: eosId,
      final_logit_softcapping: 30,
      global_head_dim: 64,
      head_dim: 32,
      hidden_activation: 'gelu_pytorch_tanh',
      hidden_size: 128,
      hidden_size_per_layer_input: 16,
      initializer_range: 0.02,
      intermediate_size: 384,
      layer_types: [...layerTypes],
      max_position_embeddings: 512,
      model_type: 'gemma4_text',
      num_attention_heads: 4,
      num_hidden_layers: layerTypes.length,
      num_key_value_heads: 1,
      num_kv_shared_layers: 3,
      pad_token_id: padId,
      rms_norm_eps: 1e-6,
      rope_parameters: {
        full_attention: { partial_rotary_factor: 0.25, rope_theta: 1_000_000, rope_type: 'proportional' },
        sliding_attention: { rope_theta: 10_000, rope_type: 'default' },
      },
      sliding_window: 32,
      tie_word_embeddings: true,
      use_bidirectional_attention: null,
      use_cache: true,
      use_double_wide_mlp: true,
      vocab_size: vocabularySize,
      vocab_size_per_layer_input: vocabularySize,
    },
    tie_word_embeddings: true,
    vision_config: null,
  };
}
