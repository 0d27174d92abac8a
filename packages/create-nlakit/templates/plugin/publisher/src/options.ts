import { z } from 'zod';

/** What a config may say under `options`; anything else is refused before a run begins. */
export const optionsSchema = z.strictObject({
  /** Folder that repositories are laid out in, relative to the config. */
  to: z.string().min(1).default('./published'),
  /** Beginnings of paths that stay at home: `figures/`, `eval/`. */
  leaveOut: z.array(z.string().min(1)).default([]),
});

/** Options after validation. */
export type SelectiveOptions = z.output<typeof optionsSchema>;
