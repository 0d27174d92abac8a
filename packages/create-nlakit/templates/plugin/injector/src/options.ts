import { z } from 'zod';

/** What a config may say under `options`; anything else is refused before a run begins. */
export const optionsSchema = z.strictObject({
  /** Norm of what is injected, as a multiple of the square root of the model's width: 1 is the norm of Gemma's own embeddings. */
  factor: z.number().positive().default(1),
  /** How an injected position looks up its per-layer embedding. */
  perLayerIds: z.enum(['marker', 'pad']).default('marker'),
});

/** Options after validation. */
export type MultipleOptions = z.output<typeof optionsSchema>;
