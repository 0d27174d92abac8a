import { z } from 'zod';

/** Options of `@nlakit/evaluator-h5`. */
export const optionsSchema = z.strictObject({
  /** Held-out rows to measure; fewer if there are not as many. */
  rows: z.number().int().min(2).default(200),
  /** Trajectory steps to measure; all of them when absent. Read by the evaluation stage, not by the evaluator. */
  at: z.array(z.number().int().min(0)).optional(),
  /** Limit of new tokens for one explanation. Decoding is greedy. */
  maxNewTokens: z.number().int().min(1).default(48),
  /** Vectors, or texts, in one forward pass. */
  batch: z.number().int().min(1).default(64),
  /** Resamples of the bootstrap intervals. */
  bootstrap: z.number().int().min(100).default(2000),
  /** Sign flips of the permutation tests. */
  permutations: z.number().int().min(100).default(10_000),
  /** Cosine above which a row counts for `shareAbove`; .30 is the threshold of published tables. */
  threshold: z.number().min(-1).max(1).default(0.3),
  /** First part of the names of the random streams used. */
  seedName: z.string().min(1).default('evaluator-h5'),
});

/** Options after validation. */
export type H5Options = z.output<typeof optionsSchema>;
