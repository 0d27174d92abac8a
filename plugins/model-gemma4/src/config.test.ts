import type { JsonValue } from '@nlakit/core';
import { describe, expect, it } from 'vitest';
import { parseGemma4Config } from './config.js';
import { deadTensors, gemma4Inventory, parameterCount } from './inventory.js';
import { tinyConfig } from './testing/golden.js';

/** The published shape of google/gemma-4-E2B, as far as it differs from the defaults of the reference's configuration class. */
const e2b: Record<string, JsonValue> = {
  model_type: 'gemma4_text',
  hidden_size: 1536,
  intermediate_size: 6144,
  num_hidden_layers: 35,
  num_key_value_heads: 1,
  layer_types: Array.from({ length: 35 }, (_, index) => (index % 5 === 4 ? 'full_attention' : 'sliding_attention')),
  num_kv_shared_layers: 20,
  use_double_wide_mlp: true,
  final_logit_softcapping: 30,
};

function changed(change: Record<string, JsonValue>): Record<string, JsonValue> {
  const config = tinyConfig('config-published-style.json');
  return { ...config, text_config: { ...(config['text_config'] as Record<string, JsonValue>), ...change } };
}

describe('the two spellings of config.json', () => {
  it('mean the same model, nested or flat', () => {
    const nested = parseGemma4Config(tinyConfig());
    expect(parseGemma4Config(tinyConfig('config-published-style.json'))).toEqual(nested);
    expect(parseGemma4Config(tinyConfig()['text_config'] as Record<string, JsonValue>)).toEqual(nested);
    expect(nested.layers.map(({ headDim }) => headDim)).toEqual([16, 16, 32, 16, 16, 32]);
    expect(nested.layers.map(({ donor }) => donor)).toEqual([undefined, undefined, undefined, 1, 1, 2]);
    expect(nested.layers.map(({ isDonor }) => isDonor)).toEqual([false, true, true, false, false, false]);
    expect(nested.layers.map(({ feedForward }) => feedForward)).toEqual([96, 96, 96, 192, 192, 192]);
    expect(nested.layers.map(({ window }) => window)).toEqual([4, 4, 0, 4, 4, 0]);
  });

  it('derive E2B: donors 13 and 14, 540 tensors, 60 dead ones, 4 628 569 379 weights', () => {
    const config = parseGemma4Config(e2b);
    expect(new Set(config.layers.slice(15).map(({ type, donor }) => `${type} ${donor}`))).toEqual(new Set(['sliding 13', 'full 14']));
    expect(config.layers[14]).toMatchObject({ headDim: 512, feedForward: 6144, window: 0 });
    expect(config.layers[15]).toMatchObject({ headDim: 256, feedForward: 12288, window: 512 });
    expect(config.rope.full).toEqual({ theta: 1e6, rotaryFraction: 0.25, factor: 1 });
    expect(gemma4Inventory(config).size).toBe(540);
    expect(deadTensors(config).size).toBe(60);
    expect(parameterCount(config)).toBe(4_628_569_379);
    expect(parameterCount(parseGemma4Config(tinyConfig()))).toBe(275_766);
  });

  it('force the last layer to full attention', () => {
    const types = Array<string>(6).fill('sliding_attention');
    types[2] = 'full_attention';
    const config = parseGemma4Config(changed({ layer_types: types }));
    expect(config.layers[5]).toMatchObject({ type: 'full', headDim: 32, donor: 2 });
  });
});

describe('what the decoder cannot do', () => {
  it.each([
    [{ enable_moe_block: true }, /mixture/],
    [{ attention_k_eq_v: true }, /attention_k_eq_v/],
    [{ attention_bias: true }, /bias/],
    [{ tie_word_embeddings: false }, /tie_word/],
    [{ hidden_activation: 'silu' }, /silu/],
    [{ use_bidirectional_attention: 'all' }, /bidirectional/],
    [{ hidden_size_per_layer_input: 0 }, /per_layer/],
    [{ model_type: 'gemma3_text' }, /gemma3/],
    [{ rope_parameters: { full_attention: { rope_type: 'yarn' } } }, /yarn/],
    [{ per_layer_config: { 0: { sliding_window: 3 } } }, /sliding_window/],
  ])('is refused by name: %j', (change, text) => {
    expect(() => parseGemma4Config(changed(change))).toThrow(expect.objectContaining({ code: 'E_MODEL_UNSUPPORTED' }));
    expect(() => parseGemma4Config(changed(change))).toThrow(text);
  });

  it.each([
    { layer_types: ['full_attention'] },
    { num_kv_shared_layers: 6 },
    {
      num_kv_shared_layers: 4,
      layer_types: ['sliding_attention', 'sliding_attention', 'full_attention', 'sliding_attention', 'sliding_attention', 'full_attention'],
    },
    { hidden_size: -1 },
    { num_key_value_heads: 3 },
    { per_layer_config: { 2: { head_dim: 1.5 } } },
  ])('or is a contradiction: %j', (change) => {
    expect(() => parseGemma4Config(changed(change))).toThrow(expect.objectContaining({ code: 'E_MODEL_CONFIG' }));
  });

  it('allows image tokens that see each other: text stays causal', () => {
    expect(() => parseGemma4Config(changed({ use_bidirectional_attention: 'vision' }))).not.toThrow();
  });
});
