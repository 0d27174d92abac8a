import { z } from 'zod';

/** Options of `@nlakit/dataset-wordnet`. */
export const optionsSchema = z
  .strictObject({
    /** Training rows of each of the twelve topics; fewer where a topic has not so many. */
    rowsPerTopic: z.number().int().min(1).default(1000),
    /** Held-out rows of each topic. */
    heldOutPerTopic: z.number().int().min(1).default(40),
    /** How many rows one synset may give. A second one is taken only when a topic runs out of synsets without rows. */
    positionsPerSynset: z.number().int().min(1).default(3),
    /** Whether AV and AR are trained on the same rows. Otherwise the training rows are divided between them, synset by synset. */
    shareTrainingRows: z.boolean().default(true),
    /** Longest text in tokens, special ones included; longer ones are passed over. */
    maxTokens: z.number().int().min(8).default(96),
    /** Texts in one forward pass. Has no influence on the rows. */
    batch: z.number().int().min(1).default(64),
  })
  .refine(({ shareTrainingRows, rowsPerTopic }) => shareTrainingRows || rowsPerTopic >= 2, {
    path: ['rowsPerTopic'],
    message: 'At least 2 rows of a topic are needed to divide them between AV and AR.',
  });

/** Options after validation. */
export type WordnetDatasetOptions = z.output<typeof optionsSchema>;
