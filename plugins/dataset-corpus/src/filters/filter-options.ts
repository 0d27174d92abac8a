import * as z from 'zod';

/** Schema of the `filters` option. Nothing is left out by default but exact repeats. */
export const filterOptionsSchema = z.strictObject({
  /** Documents with fewer characters are left out. */
  minCharacters: z.int().min(0).default(0),
  /** Documents with more characters are left out; they are not cut, because a cut document is another one. */
  maxCharacters: z.int().min(1).optional(),
  /** `exact`: the same words in the same order; `near`: MinHash similarity of at least `nearThreshold` as well; the first one stays. */
  duplicates: z.enum(['keep', 'exact', 'near']).default('exact'),
  nearThreshold: z.number().min(0.5).max(1).default(0.8),
  /** Documents with one of these words or phrases are left out; whole words, whatever their case. */
  bannedTerms: z.array(z.string().trim().min(1)).default([]),
});

/** The `filters` option with its defaults. */
export type FilterOptions = z.output<typeof filterOptionsSchema>;
