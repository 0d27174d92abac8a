import { NlaError, type ModelSpec } from '@nlakit/core';

/** Part of the blocks after which an activation is more about the next token than about what was read. */
const latest = 0.8;

/** Throws `E_LAYER_LATE` if the block lies too near the output to be worth explaining. */
export function checkLayer(layer: number | undefined, { layers }: Pick<ModelSpec, 'layers'>): void {
  if (layer === undefined || layer < latest * layers) return;
  throw new NlaError('E_LAYER_LATE', {
    message: 'Activations so near the output are about the next token.',
    found: `layer ${layer} of ${layers}`,
    expected: `below ${Math.ceil(latest * layers)}`,
    fix: 'Choose an earlier layer, or change src/check-layer.ts.',
    kind: 'input',
  });
}
