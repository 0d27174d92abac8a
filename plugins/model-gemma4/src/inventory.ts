import type { Gemma4Config } from './config.js';

/** A tensor that the decoder reads. */
export interface InventoryEntry {
  /** `linear`: multiplied through the quantizer. `table`: an embedding. `vector`: a norm's weight or a layer scalar. */
  readonly role: 'linear' | 'table' | 'vector';
  readonly shape: readonly number[];
}

/** Every tensor the decoder uses, by checkpoint name without prefix (`layers.0.self_attn.q_proj.weight`). */
export function gemma4Inventory(config: Gemma4Config): ReadonlyMap<string, InventoryEntry> {
  const entries = new Map<string, InventoryEntry>();
  const d = config.dModel;
  const perLayer = config.perLayerWidth;
  const linear = (name: string, out: number, inn: number): void =>
    void entries.set(`${name}.weight`, { role: 'linear', shape: [out, inn] });
  const norm = (name: string, width: number): void => void entries.set(`${name}.weight`, { role: 'vector', shape: [width] });

  entries.set('embed_tokens.weight', { role: 'table', shape: [config.vocabularySize, d] });
  entries.set('embed_tokens_per_layer.weight', { role: 'table', shape: [config.perLayerVocabularySize, config.layers.length * perLayer] });
  linear('per_layer_model_projection', config.layers.length * perLayer, d);
  norm('per_layer_projection_norm', perLayer);
  norm('norm', d);
  for (const layer of config.layers) {
    const at = `layers.${layer.index}`;
    norm(`${at}.input_layernorm`, d);
    linear(`${at}.self_attn.q_proj`, config.heads * layer.headDim, d);
    norm(`${at}.self_attn.q_norm`, layer.headDim);
    if (layer.donor === undefined) {
      linear(`${at}.self_attn.k_proj`, layer.kvHeads * layer.headDim, d);
      linear(`${at}.self_attn.v_proj`, layer.kvHeads * layer.headDim, d);
      norm(`${at}.self_attn.k_norm`, layer.headDim);
    }
    linear(`${at}.self_attn.o_proj`, d, config.heads * layer.headDim);
    norm(`${at}.post_attention_layernorm`, d);
    norm(`${at}.pre_feedforward_layernorm`, d);
    linear(`${at}.mlp.gate_proj`, layer.feedForward, d);
    linear(`${at}.mlp.up_proj`, layer.feedForward, d);
    linear(`${at}.mlp.down_proj`, d, layer.feedForward);
    norm(`${at}.post_feedforward_layernorm`, d);
    linear(`${at}.per_layer_input_gate`, perLayer, d);
    linear(`${at}.per_layer_projection`, d, perLayer);
    norm(`${at}.post_per_layer_input_norm`, d);
    entries.set(`${at}.layer_scalar`, { role: 'vector', shape: [1] });
  }
  return entries;
}

/** Tensors that Google's file carries and nobody uses: keys and values of layers that take a donor's. */
export function deadTensors(config: Gemma4Config): ReadonlySet<string> {
  const shared = config.layers.filter((layer) => layer.donor !== undefined);
  return new Set(shared.flatMap((layer) => ['k_proj', 'v_proj', 'k_norm'].map((part) => `layers.${layer.index}.self_attn.${part}.weight`)));
}

/** Number of weights the decoder uses. */
export function parameterCount(config: Gemma4Config): number {
  let count = 0;
  for (const { shape } of gemma4Inventory(config).values()) count += shape.reduce((product, extent) => product * extent, 1);
  return count;
}
