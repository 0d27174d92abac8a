import { z } from 'zod';

/** Options of `@nlakit/labeler-wordnet`. */
export const optionsSchema = z.strictObject({
  /** How many of the last words of a text decide on its topic. */
  words: z.number().int().min(1).default(40),
  /** The last tokens of a text that the model reads to say what comes next. */
  contextTokens: z.number().int().min(2).default(256),
  /** Texts in one forward pass. Has no influence on the labels. */
  batch: z.number().int().min(1).default(16),
});

/** Options after validation. */
export type WordnetLabelerOptions = z.output<typeof optionsSchema>;
