import { z } from 'zod';

/** Options of `@nlakit/evaluator-patching`. */
export const optionsSchema = z.strictObject({
  /** Held-out rows to measure; fewer if there are not as many. */
  rows: z.number().int().min(2).default(200),
  /** Trajectory steps to measure; all of them when absent. Read by the evaluation stage, not by the evaluator. */
  at: z.array(z.number().int().min(0)).optional(),
  /** Limit of new tokens for one explanation. Decoding is greedy. */
  maxNewTokens: z.number().int().min(1).default(48),
  /** Vectors, or texts, in one forward pass of AV and AR. */
  batch: z.number().int().min(1).default(64),
  /** Texts in one forward pass of the target model; each needs logits over the vocabulary. */
  patchBatch: z.number().int().min(1).default(16),
  /** A row counts only if the model's own activation has at least that cosine with the row's vector. */
  minimumAgreement: z.number().min(0).max(1).default(0.99),
  /** Resamples of the bootstrap intervals. */
  bootstrap: z.number().int().min(100).default(2000),
  /** Sign flips of the permutation tests. */
  permutations: z.number().int().min(100).default(10_000),
  /** First part of the names of the random streams used. */
  seedName: z.string().min(1).default('evaluator-patching'),
});

/** Options after validation. */
export type PatchingOptions = z.output<typeof optionsSchema>;
