import { definePlugin } from '@nlakit/core';
import { applyVectors, guardScale, locateSlots } from '@nlakit/injector-embedding';
import { identity } from './identity.js';
import { optionsSchema, type MultipleOptions } from './options.js';

/** What a config names. Where the slot is, how a vector gets there and what scale is safe is as in nlakit's own; the scale is ours. */
export const plugin = definePlugin<'injector', MultipleOptions>({
  kind: 'injector',
  name: identity.name,
  version: identity.version,
  optionsSchema,
  create: ({ factor, perLayerIds }) => ({
    name: identity.name,
    perLayerIds,
    scale: (dModel) => factor * Math.sqrt(dModel),
    locate: locateSlots,
    guard: (stats, scale) => guardScale(stats, scale, 'f32'),
    apply: applyVectors,
  }),
});
