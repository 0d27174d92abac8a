import '@tensorflow/tfjs-backend-cpu';
import type { JsonValue, Tokenizer } from '@nlakit/core';
import { createTokenizer } from '@nlakit/model-gemma4';
import { createSeedStreams } from '@nlakit/run';
import { initialWeights } from '../recipe/initial-weights.js';
import { modelConfig } from '../recipe/model-shape.js';
import { parameterShapes } from '../recipe/replica.js';
import { tokenizerConfig, tokenizerJson } from '../recipe/tokenizer-files.js';

/** A model of the same architecture that plain JavaScript computes in no time: four blocks of width 16 and a small vocabulary. */
export function smallConfig(vocabulary = 64): Record<string, JsonValue> {
  const config = modelConfig();
  return {
    ...config,
    text_config: {
      ...(config['text_config'] as Record<string, JsonValue>),
      global_head_dim: 16,
      head_dim: 8,
      hidden_size: 16,
      hidden_size_per_layer_input: 4,
      intermediate_size: 24,
      layer_types: ['sliding_attention', 'full_attention', 'sliding_attention', 'full_attention'],
      num_attention_heads: 2,
      num_hidden_layers: 4,
      num_kv_shared_layers: 2,
      sliding_window: 4,
      vocab_size: vocabulary,
      vocab_size_per_layer_input: vocabulary,
    },
  };
}

/** Random weights for a config. */
export function randomWeights(config: Readonly<Record<string, JsonValue>>, seed = 5): Map<string, Float32Array> {
  return initialWeights(parameterShapes(config), 4, createSeedStreams(seed).stream('weights'));
}

/** `tokenizer.json` with two merges: ` a` and `th`. */
export const smallTokenizerJson = `${JSON.stringify(
  tokenizerJson([
    [0x20, 0x61],
    [0x74, 0x68],
  ]),
)}\n`;

/** The tokenizer of {@link smallTokenizerJson}. */
export function smallTokenizer(): Tokenizer {
  return createTokenizer({ tokenizerJson: smallTokenizerJson, configJson: JSON.stringify(tokenizerConfig(512)) });
}
