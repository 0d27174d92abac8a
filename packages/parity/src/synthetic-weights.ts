import type { HostTensor, JsonValue } from '@nlakit/core';
import { gemma4Inventory, parseGemma4Config } from '@nlakit/model-gemma4';

/**
 * The weights that the golden files were made with: a linear congruential generator seeded by the FNV-1a hash of each tensor's name.
 * Amplitude sqrt(3 / fan-in), tables sqrt(3 / width), norms 1 ± 0.25, layer scalars 0.4 + 0.1 · layer.
 */
export function syntheticTensors(config: Readonly<Record<string, JsonValue>>): Map<string, HostTensor> {
  const architecture = parseGemma4Config(config);
  const tensors = new Map<string, HostTensor>();
  for (const [short, { role, shape }] of gemma4Inventory(architecture)) {
    const name = `model.language_model.${short}`;
    const scalar = /layers\.(\d+)\.layer_scalar$/.exec(short);
    const data = new Float32Array(shape.reduce((product, size) => product * size, 1));
    if (scalar !== null) {
      data[0] = 0.4 + 0.1 * Number(scalar[1]);
    } else {
      let state = 0x811c9dc5;
      for (const byte of Buffer.from(name)) state = Math.imul(state ^ byte, 0x01000193) >>> 0;
      const width = short === 'embed_tokens_per_layer.weight' ? architecture.perLayerWidth : (shape[1] ?? 1);
      const amplitude = Math.sqrt(3 / width);
      for (let index = 0; index < data.length; index++) {
        state = (Math.imul(1664525, state) + 1013904223) >>> 0;
        const unit = 2 * (state / 2 ** 32) - 1;
        data[index] = role === 'vector' ? 1 + unit * 0.25 : unit * amplitude;
      }
    }
    tensors.set(name, { shape, data });
  }
  return tensors;
}
