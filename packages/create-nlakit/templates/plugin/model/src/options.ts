import { modelFolder } from '@nlakit/tiny-gemma4';
import { z } from 'zod';

/** What a config may say under `options`; anything else is refused before a run begins. */
export const optionsSchema = z.strictObject({
  /** Folder of the checkpoint, Hub id or data package. Default: the model that comes with nlakit. */
  source: z.string().min(1).default(modelFolder),
  /** The block whose output the NLA reads. */
  layer: z.number().int().nonnegative().optional(),
});

/** Options after validation. */
export type ModelOptions = z.output<typeof optionsSchema>;
