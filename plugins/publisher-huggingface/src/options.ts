import type { RetryPolicy } from '@nlakit/hub';
import * as z from 'zod';

/** Options of the publisher in a config. */
export const optionsSchema = z.strictObject({
  /** Address of the Hub. Default: `HF_ENDPOINT`, else https://huggingface.co. */
  hubUrl: z.string().optional(),
  /** Environment variable that holds the token. Default: `HF_TOKEN`, else the token of `hf auth login`. */
  tokenFromEnv: z.string().min(1).optional(),
  /** Kind of repository. */
  type: z.enum(['model', 'dataset']).default('model'),
  /** A repository that is made now is private. One that is public already is refused. */
  private: z.boolean().default(false),
  /** One commit for each step of the trajectory, then one for the rest and one for the card; or a single one. */
  commits: z.enum(['per-step', 'single']).default('per-step'),
  /** Branch that is committed to; it is made from `main` if it is not there. `refs/pr/N` goes on with a pull request. */
  revision: z.string().min(1).default('main'),
  /** Opens a pull request on `revision` in place of committing to it. */
  pullRequest: z.boolean().default(false),
  /** Tags: `step-000050` for each step, and `latest`. */
  tags: z.boolean().default(true),
  /**
   * What of the corpus may be read by others. `none`: numbers only; texts of rows are taken out of evaluations and card. `examples`: the
   * held-out rows in evaluations and card. `all`: files of rows (parquet), too.
   */
  corpusText: z.enum(['none', 'examples', 'all']).default('none'),
  /** Hub id of the base model, written over what adapters, sidecars and card say: for a base that lies in a folder here. */
  baseModel: z
    .string()
    .regex(/^[\w.-]+\/[\w.-]+$/, 'expected owner/name')
    .optional(),
});

/** Options of {@link huggingFacePublisher}: those of a config, and what only code can state. */
export type HuggingFaceOptions = z.output<typeof optionsSchema> & {
  /** How long to go on trying. Default: that of `@nlakit/hub`. */
  readonly retry?: Partial<RetryPolicy>;
  /** Default: `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
};
