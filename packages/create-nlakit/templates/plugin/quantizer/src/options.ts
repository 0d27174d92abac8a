import { z } from 'zod';

/** What a config may say under `options`; anything else is refused before a run begins. */
export const optionsSchema = z.strictObject({
  /** Bits of a value; one of them is the sign. */
  bits: z.number().int().min(2).max(16).default(8),
});

/** Options after validation. */
export type RoundedOptions = z.output<typeof optionsSchema>;
