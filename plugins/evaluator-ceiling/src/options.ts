import { z } from 'zod';

/** Options of `@nlakit/evaluator-ceiling`. */
export const optionsSchema = z.strictObject({
  /** Held-out rows to measure; fewer if there are not as many. */
  rows: z.number().int().min(2).default(200),
  /** Trajectory steps to measure; all of them when absent. Read by the evaluation stage, not by the evaluator. */
  at: z.array(z.number().int().min(0)).optional(),
  /** Limit of new tokens for one explanation. Decoding is greedy. */
  maxNewTokens: z.number().int().min(1).default(48),
  /** Vectors, or texts, in one forward pass. */
  batch: z.number().int().min(1).default(64),
  /** Fields of the rows to decode; every field with enough rows to a class when absent. */
  fields: z.array(z.string().min(1)).optional(),
  /** Training rows to fit a probe on. */
  probeRows: z.number().int().min(10).default(4000),
  /** Classes of a field with fewer training rows are left out. */
  minimumPerClass: z.number().int().min(2).default(20),
  /** At most that many classes of a field, the most frequent ones. */
  maximumClasses: z.number().int().min(2).default(50),
  /** Penalty of the logistic regression on standardised features. */
  l2: z.number().positive().default(1e-3),
  /** Folds of probes that are fitted on held-out rows themselves. */
  folds: z.number().int().min(2).default(5),
  /** Resamples of the bootstrap intervals. */
  bootstrap: z.number().int().min(100).default(2000),
  /** Permutations of labels, and sign flips. */
  permutations: z.number().int().min(100).default(2000),
  /** First part of the names of the random streams used. */
  seedName: z.string().min(1).default('evaluator-ceiling'),
});

/** Options after validation. */
export type CeilingOptions = z.output<typeof optionsSchema>;
