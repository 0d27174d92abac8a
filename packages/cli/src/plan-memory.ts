import type { JsonValue, MemoryPlan } from '@nlakit/core';
import type { RunParts } from '@nlakit/run';

/**
 * An estimate of the memory a run needs, from the model's description alone: packed linears, the remaining weights, adapter with its
 * gradient and two moments, activations of one micro batch kept for the backward pass. Bytes.
 */
export async function planMemory(parts: RunParts, trainerOptions: JsonValue | undefined): Promise<MemoryPlan> {
  const loader = await parts.loader();
  const quantizer = await parts.quantizer();
  const spec = await loader.describe();
  const option = (name: string, otherwise: number): number => {
    const value =
      typeof trainerOptions === 'object' && trainerOptions !== null && name in trainerOptions
        ? (trainerOptions as Readonly<Record<string, JsonValue>>)[name]
        : undefined;
    return typeof value === 'number' ? value : otherwise;
  };
  let linearBytes = 0;
  let linearParameters = 0;
  let adapterParameters = 0;
  const rank = option('rank', 64);
  for (const [out, inn] of spec.linears.values()) {
    linearParameters += out * inn;
    linearBytes += quantizer?.bytes([out, inn]) ?? out * inn * 4;
    adapterParameters += rank * (out + inn);
  }
  const rows = option('microBatch', 1) * option('maxLength', 512);
  const widest = Math.max(0, ...[...spec.linears.values()].map(([out]) => out));
  const largest = Math.max(0, ...[...spec.linears.values()].map(([out, inn]) => out * inn));
  const planned = [
    { name: `linear weights (${spec.linears.size})`, bytes: linearBytes },
    { name: 'other weights, f32', bytes: (spec.parameters - linearParameters) * 4 },
    { name: `adapter, rank ${rank}, with gradient and two moments`, bytes: adapterParameters * 16 },
    { name: 'one weight unpacked', bytes: largest * 4 },
    // One block is recomputed at a time; between blocks only the residual stream is kept.
    { name: `activations, ${rows} tokens`, bytes: rows * 4 * (spec.dModel * (spec.layers + 8) + widest * 6) },
  ];
  return { parts: planned, peakBytes: planned.reduce((sum, { bytes }) => sum + bytes, 0) };
}
