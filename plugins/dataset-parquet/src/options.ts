import { z } from 'zod';

/**
 * Options of `@nlakit/dataset-parquet`: data files with their sidecars beside them, ours or upstream's. Relative paths start at the
 * config's folder; a path may end in a slice of rows, `av_sft.parquet@[0:1000]`.
 */
export const optionsSchema = z.strictObject({
  /** Rows that the AV is trained on. */
  avSft: z.string().min(1),
  /** Rows that the AR is trained on. */
  arSft: z.string().min(1),
  /** Rows of other documents, for health and evaluation. */
  heldOut: z.string().min(1),
  /** The published release the files belong to, checked by ids and hashes: `nla data markers --presets` lists them. */
  preset: z.string().min(1).optional(),
  /** The release's own nla_meta.yaml, for data without sidecars. */
  sidecar: z.string().min(1).optional(),
  /** Text files with the templates, where nothing else states them. */
  avTemplate: z.string().min(1).optional(),
  /** The AR template, likewise. */
  arTemplate: z.string().min(1).optional(),
});

/** Options after validation. */
export type ParquetDatasetOptions = z.output<typeof optionsSchema>;
