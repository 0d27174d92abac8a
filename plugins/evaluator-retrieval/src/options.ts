import { z } from 'zod';

/** Options of `@nlakit/evaluator-retrieval`. */
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
  /** Permutations of the retrieval tests, and sign flips of the transforms' tests. */
  permutations: z.number().int().min(100).default(5000),
  /** k of top-k among rows. */
  topK: z.number().int().min(1).default(5),
  /** k of top-k among documents. */
  documentTopK: z.number().int().min(1).default(3),
  /** Words that at least that share of the explanations hold belong to the template. */
  templateShare: z.number().min(0.5).max(1).default(0.9),
  /** Also match with the last characters of the source alone, where sources are longer. */
  tail: z.number().int().min(1).default(300),
  /** Words that word n-grams leave out. None by default: where explanations say which word was read last, it often is one of these. */
  stopWords: z.array(z.string()).default([]),
  /** `./embed.mjs#embed`: a function from texts to one vector each, for similarity by meaning. None is bundled. */
  embedder: z.string().min(1).optional(),
  /**
   * `./paraphrase.mjs#paraphrase`: a function from texts to one paraphrase each. Or a function that makes such a one of options:
   * `{ use: '@nlakit/evaluator-judge#chatParaphraser', options: { chat: … } }`.
   */
  paraphraser: z
    .union([z.string().min(1), z.strictObject({ use: z.string().min(1), options: z.record(z.string(), z.json()).default({}) })])
    .optional(),
  /** `./mine.mjs#transform`: further text transforms. */
  transforms: z.array(z.string().min(1)).default([]),
  /** First part of the names of the random streams used. */
  seedName: z.string().min(1).default('evaluator-retrieval'),
});

/** Options after validation. */
export type RetrievalOptions = z.output<typeof optionsSchema>;
