import { definePlugin } from '@nlakit/core';
import { z } from 'zod';
import manifest from '../package.json' with { type: 'json' };
import { plainQuantizer } from './plain-quantizer.js';

const plainOptions = z.strictObject({ dtype: z.enum(['f32', 'bf16']).default('f32') });

/** The plugin `@nlakit/ops#plain`: {@link plainQuantizer} for a run configuration. */
export const plain = definePlugin({
  kind: 'quantizer',
  name: manifest.name,
  version: manifest.version,
  optionsSchema: plainOptions,
  create: (options: z.output<typeof plainOptions>) => plainQuantizer(options),
});
