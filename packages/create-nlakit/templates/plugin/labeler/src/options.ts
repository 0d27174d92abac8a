import { z } from 'zod';

/** What a config may say under `options`; anything else is refused before a run begins. */
export const optionsSchema = z.strictObject({
  /** Topics with the words that give them away, in small letters. */
  topics: z.record(z.string().min(1), z.array(z.string().regex(/^[^\p{Lu}]+$/u, 'small letters')).min(1)).default({
    animal: ['animal', 'bird', 'dog', 'cat', 'fish', 'insect'],
    food: ['food', 'dish', 'bread', 'fruit', 'drink', 'sauce'],
    plant: ['plant', 'tree', 'flower', 'herb', 'shrub', 'leaf'],
    time: ['time', 'day', 'year', 'hour', 'month', 'century'],
  }),
});

/** Options after validation. */
export type KeywordOptions = z.output<typeof optionsSchema>;
