import { z } from 'zod';

/** Options of `@nlakit/dataset-parquet`: files with their sidecars beside them. Relative paths start at the config's folder. */
export const optionsSchema = z.strictObject({
  avSft: z.string().min(1),
  arSft: z.string().min(1),
  heldOut: z.string().min(1),
});

/** Options after validation. */
export type ParquetDatasetOptions = z.output<typeof optionsSchema>;
