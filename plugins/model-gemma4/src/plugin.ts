import { definePlugin, type Plugin } from '@nlakit/core';
import { z } from 'zod';
import manifest from '../package.json' with { type: 'json' };
import { createGemma4Loader } from './loader.js';
import { residentLimits } from './weights.js';

const optionsSchema = z.strictObject({
  /** A folder (relative to the config file) or an npm data package. */
  source: z.string().min(1),
  /** The block whose output the NLA reads. */
  layer: z.number().int().nonnegative().optional(),
  /** `bf16` rounds the embedding scale as bf16 references do. */
  scaleDtype: z.enum(['f32', 'bf16']).default('f32'),
});

/** Options of the `model` slot of a run. */
export type Gemma4PluginOptions = z.infer<typeof optionsSchema>;

/** The Gemma 4 text decoder as a `model` plugin. */
export const plugin: Plugin<'model', Gemma4PluginOptions> = definePlugin({
  kind: 'model',
  name: manifest.name,
  version: manifest.version,
  needs: ['backend', 'quantizer'],
  optionsSchema,
  create({ source, layer, scaleDtype }, context) {
    return createGemma4Loader({
      source,
      scaleDtype,
      quantizer: context.use('quantizer'),
      residentBytes: residentLimits(context.use('backend').capabilities),
      baseFolder: context.baseFolder,
      onWarning: ({ message }) => context.log.warn(message),
      ...(layer === undefined ? {} : { layer }),
    });
  },
});
