import { resolveRecipe, sftShape, type SftRecipe } from '@nlakit/nla/training';
import { z } from 'zod';

/** Options of the AV trainer, complete. */
export interface AvSftRecipe extends SftRecipe {
  /**
   * Share of the rows that get the vector of another one of them. All (`true`) is the content-blind twin, which must learn nothing about
   * vectors; a part stands for labels of which that part is wrong.
   */
  readonly shuffleVectors: boolean | number;
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
    shuffleVectors: z.union([z.boolean(), z.number().min(0).max(1)]).default(false),
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
