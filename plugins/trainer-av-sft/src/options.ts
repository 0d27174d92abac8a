import { resolveRecipe, sftShape, type SftRecipe } from '@nlakit/nla/training';
import { z } from 'zod';

/** Options of the AV trainer, complete. */
export interface AvSftRecipe extends SftRecipe {
  /** Give every row another row's vector: the content-blind twin, which must learn nothing about vectors. */
  readonly shuffleVectors: boolean;
  /** Train although only one of the guard's ratios holds. */
  readonly acknowledgeGuard: boolean;
  /** Train although the guard refuses. */
  readonly allowOutOfDistributionInjection: boolean;
  /** Held-out rows that are explained at each save to count distinct outputs; the first of the health rows. Default 10. */
  readonly diversityRows: number;
}

/** Options as they stand in a config; what they leave out comes from the preset and the defaults. */
export const optionsSchema = z
  .strictObject({
    ...sftShape,
    shuffleVectors: z.boolean().default(false),
    acknowledgeGuard: z.boolean().default(false),
    allowOutOfDistributionInjection: z.boolean().default(false),
    diversityRows: z.int().min(0).default(10),
  })
  .transform(({ shuffleVectors, acknowledgeGuard, allowOutOfDistributionInjection, diversityRows, ...options }): AvSftRecipe => ({
    ...resolveRecipe(options, 'av'),
    shuffleVectors,
    acknowledgeGuard,
    allowOutOfDistributionInjection,
    diversityRows,
  }));
