import { definePlugin, type ModelLoader } from '@nlakit/core';
import { createGemma4Loader } from '@nlakit/model-gemma4';
import { checkLayer } from './check-layer.js';
import { identity } from './identity.js';
import { optionsSchema, type ModelOptions } from './options.js';

/** What a config names. */
export const plugin = definePlugin<'model', ModelOptions>({
  kind: 'model',
  name: identity.name,
  version: identity.version,
  needs: ['backend', 'quantizer'],
  optionsSchema,
  create: ({ source, layer }, context): ModelLoader => {
    const loader = createGemma4Loader({
      source,
      scaleDtype: 'f32',
      quantizer: context.use('quantizer'),
      baseFolder: context.baseFolder,
      onWarning: ({ message }) => context.log.warn(message),
      ...(layer === undefined ? {} : { layer }),
    });
    const describe: ModelLoader['describe'] = async (other) => {
      const spec = await loader.describe(other);
      checkLayer(layer, spec);
      return spec;
    };
    return {
      describe,
      load: async (other) => {
        await describe(other);
        return await loader.load(other);
      },
    };
  },
});
