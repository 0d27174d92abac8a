import { z } from 'zod';

/** What a config may say under `options`; anything else is refused before a run begins. */
export const optionsSchema = z.strictObject({
  /** Held-out rows to measure. */
  rows: z.number().int().min(2).default(96),
  /** Longest explanation, in tokens. */
  maxNewTokens: z.number().int().positive().default(160),
  /** Vectors explained in one forward pass. */
  batch: z.number().int().positive().default(16),
  /** First part of the names of the random streams: which rows are drawn. */
  seedName: z.string().min(1).default('evaluator-words'),
});

/** Options after validation. */
export type WordsOptions = z.output<typeof optionsSchema>;
