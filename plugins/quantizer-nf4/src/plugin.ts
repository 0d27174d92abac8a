import { definePlugin } from '@nlakit/core';
import { z } from 'zod';
import manifest from '../package.json' with { type: 'json' };
import { isBlockSize } from './bitsandbytes.js';
import { nf4Quantizer } from './nf4-quantizer.js';

const nf4Options = z.strictObject({
  blockSize: z.number().refine(isBlockSize, 'a power of two from 32 to 4096').default(64),
  doubleQuant: z.boolean().default(true),
  computeDtype: z.literal('float32').default('float32'),
  storageDtype: z.enum(['stored', 'float32', 'bfloat16', 'float16']).default('stored'),
});

/** The plugin `@nlakit/quantizer-nf4`: {@link nf4Quantizer} for a run configuration. */
export const plugin = definePlugin({
  kind: 'quantizer',
  name: manifest.name,
  version: manifest.version,
  optionsSchema: nf4Options,
  create: (options: z.output<typeof nf4Options>) => nf4Quantizer(options),
});
