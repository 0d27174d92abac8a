import { z } from 'zod';

/** Options of `@nlakit/injector-embedding`. */
export const optionsSchema = z.strictObject({
  /** Norm of the injected vector: a number, `sqrt_d_model`, or `raw` (null) for "as it was read". */
  scale: z.union([z.number().positive(), z.literal('sqrt_d_model'), z.literal('raw'), z.null()]).default('sqrt_d_model'),
  /** Whose per-layer embedding an injected position gets: the marker's own, or the padding token's. */
  perLayerIds: z.enum(['marker', 'pad']).default('marker'),
  /** Train although only one of the guard's two ratios holds. Written into the sidecar. */
  allowOutOfDistribution: z.boolean().default(false),
  /** The number format in which the model computes: decides which scales can be held at all. */
  computeDtype: z.enum(['f32', 'bf16', 'f16']).default('f32'),
});

/** Options after validation. */
export type EmbeddingInjectorOptions = z.output<typeof optionsSchema>;
