import type { JsonValue, MemoryPlan } from '@nlakit/core';
import type { RunParts, RunPlugins } from '@nlakit/run';

/**
 * What training needs, from the model's description alone: the plan of the AV trainer, or of the AR trainer where there is no other.
 *
 * @param modelOptions the options of the model's slot, for its layer
 */
export async function planMemory(parts: RunParts, plugins: RunPlugins, modelOptions: JsonValue | undefined): Promise<MemoryPlan> {
  const loader = await parts.loader();
  const quantizer = await parts.quantizer();
  const { capabilities } = await parts.backend();
  const spec = await loader.describe();
  let baseBytes = spec.footprint?.backendBytes ?? 0;
  for (const [out, inn] of spec.linears.values()) baseBytes += quantizer?.bytes([out, inn]) ?? out * inn * 4;
  const trainer = await parts.trainer(plugins.trainers.av === undefined ? 'ar' : 'av');
  const layer = (modelOptions as { readonly layer?: JsonValue } | undefined)?.layer;
  return trainer.plan({ spec, baseBytes, capabilities, ...(typeof layer === 'number' ? { layer } : {}) });
}
