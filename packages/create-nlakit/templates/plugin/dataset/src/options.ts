import { optionsSchema as parquetOptions } from '@nlakit/dataset-parquet';
import { z } from 'zod';

/** What a config may say under `options`; anything else is refused before a run begins. */
export const optionsSchema = z.strictObject({
  ...parquetOptions.shape,
  /** Words that are kept of every explanation. */
  words: z.number().int().positive().default(12),
});

/** Options after validation. */
export type ShortenedOptions = z.output<typeof optionsSchema>;
