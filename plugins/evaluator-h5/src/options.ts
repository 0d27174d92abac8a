import { z } from 'zod';
import type { Swaps } from './conditions.js';
import { DEFAULT_FORM, explanationForm } from './explanation-form.js';

/** Options of `@nlakit/evaluator-h5`. */
export const optionsSchema = z
  .strictObject({
    /** Held-out rows to measure; fewer if there are not as many. */
    rows: z.number().int().min(2).default(200),
    /** Trajectory steps to measure; all of them when absent. Read by the evaluation stage, not by the evaluator. */
    at: z.array(z.number().int().min(0)).optional(),
    /** Limit of new tokens for one explanation. */
    maxNewTokens: z.number().int().min(1).default(48),
    /** No explanation ends before that many new tokens; AVs trained on short labels may need it. */
    minNewTokens: z.number().int().min(0).default(0),
    /** 0: greedy. Above it explanations are sampled from a seeded stream. */
    temperature: z.number().min(0).default(0),
    /** Vectors, or texts, in one forward pass. */
    batch: z.number().int().min(1).default(64),
    /**
     * What the AR gets of an output. `nlakit`: the explanation between the tags, which is what ARs are trained on. `solshine`: the whole
     * output with its tags, as in the published tables of the SolshineCode releases; their figures are then reported as well.
     */
    dialect: z.enum(['nlakit', 'solshine']).default('nlakit'),
    /** Form of structured explanations, with a `{name}` for each field. Explanations of another form are left as they are by swaps. */
    form: z.string().min(1).default(DEFAULT_FORM),
    /**
     * Conditions in which named fields come from another row: `SWAP_…` to fields of `form`. When absent: SWAP_TOPIC and SWAP_LAST for the
     * default form, one for each field of any other.
     */
    swaps: z.record(z.string().regex(/^SWAP_[A-Z0-9_]+$/), z.array(z.string()).min(1)).optional(),
    /** Resamples of the bootstrap intervals. */
    bootstrap: z.number().int().min(100).default(2000),
    /** Sign flips of the permutation tests. */
    permutations: z.number().int().min(100).default(10_000),
    /** Cosine above which a row counts for `shareAbove`; .30 is the threshold of published tables. */
    threshold: z.number().min(-1).max(1).default(0.3),
    /** First part of the names of the random streams used. */
    seedName: z.string().min(1).default('evaluator-h5'),
  })
  .superRefine(({ form, swaps, minNewTokens, maxNewTokens }, context) => {
    if (minNewTokens > maxNewTokens) context.addIssue({ code: 'custom', path: ['minNewTokens'], message: 'More than maxNewTokens.' });
    let names: readonly string[] = [];
    try {
      names = explanationForm(form).names;
    } catch (error) {
      context.addIssue({ code: 'custom', path: ['form'], message: error instanceof Error ? error.message : String(error) });
      return;
    }
    for (const [swap, fields] of Object.entries(swaps ?? {})) {
      for (const field of fields.filter((one) => !names.includes(one))) {
        context.addIssue({
          code: 'custom',
          path: ['swaps', swap],
          message: `${field} is no field of the form; it has ${names.join(', ')}.`,
        });
      }
    }
  });

/** Options after validation. */
export type H5Options = z.output<typeof optionsSchema>;

/** The swaps that options ask for, or that go with their form. */
export function swapsOf({ form, swaps }: Pick<H5Options, 'form' | 'swaps'>): Swaps {
  if (swaps !== undefined) return swaps;
  if (form === DEFAULT_FORM) return { SWAP_TOPIC: ['topic', 'hypernym'], SWAP_LAST: ['last'] };
  return Object.fromEntries(explanationForm(form).names.map((name) => [`SWAP_${name.toUpperCase()}`, [name]]));
}
