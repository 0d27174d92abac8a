import { z } from 'zod';

/**
 * The linears of attention and MLP in every text block, under the prefix of a multimodal checkpoint (`model.language_model.`) or of a
 * text-only one (`model.`). Vision and audio towers do not match.
 */
export const defaultTargets =
  '(?:model\\.language_model|model)\\.layers\\.\\d+\\.(?:self_attn|mlp)\\.(?:q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)';

/** The attention linears of every text block, under both prefixes. */
export const attentionTargets = '(?:model\\.language_model|model)\\.layers\\.\\d+\\.self_attn\\.(?:q_proj|k_proj|v_proj|o_proj)';

const isRegularExpression = (text: string): boolean => {
  try {
    new RegExp(text);
    return true;
  } catch {
    return false;
  }
};

const count = z.int().min(1);
const fraction = z.number().min(0).max(1);

/** Options of both SFT trainers, as a shape that each of them extends. Everything may be left out. */
export const sftShape = {
  /** Recipe that the other options start from. */
  preset: z.enum(['seed', 'upstream']).optional(),
  /** Optimizer steps. */
  steps: count.optional(),
  /** Steps between two checkpoints. */
  saveEvery: count.optional(),
  /** Rank of the LoRA matrices. */
  rank: count.optional(),
  /** Default: twice the rank. */
  alpha: z.number().positive().optional(),
  /** Dropout on the input of each LoRA matrix. */
  dropout: z.number().min(0).lt(1).optional(),
  /** A regular expression that must match the whole module path, or a list of path suffixes. */
  targets: z
    .union([z.string().min(1).refine(isRegularExpression, 'is no regular expression'), z.array(z.string().min(1)).min(1)])
    .optional(),
  /** Scale the adapter by alpha / √rank (rsLoRA) instead of alpha / rank. */
  rankStabilized: z.boolean().optional(),
  /** AdamW with moments in 32 bits, or in blocks of 8 bits. */
  optimizer: z.enum(['adamw', 'adamw8bit']).optional(),
  /** Highest learning rate. */
  learningRate: z.number().positive().optional(),
  /** Decoupled weight decay. */
  weightDecay: z.number().min(0).optional(),
  /** Decay of the running means of the gradient and of its square. */
  betas: z.tuple([z.number().min(0).lt(1), z.number().min(0).lt(1)]).optional(),
  /** How the learning rate goes after the warm-up. */
  schedule: z.enum(['constant', 'cosine', 'linear']).optional(),
  /** Steps over which the learning rate rises from 0. */
  warmup: z.int().min(0).optional(),
  /** Learning rate of the last step as a fraction of the highest. */
  finalFraction: fraction.optional(),
  /** Train on that many rows, spread evenly over the split, instead of all of them. */
  maxRows: z.int().min(2).optional(),
  /** Rows in one forward pass. */
  microBatch: count.optional(),
  /** Forward passes in one step. */
  accumulate: count.optional(),
  /** Longest row in tokens; longer rows are left out and counted. */
  maxLength: z.int().min(8).optional(),
  /** Largest gradient norm; 0 switches clipping off. */
  clipNorm: z.number().min(0).optional(),
  /** Put rows of similar length into one forward pass: less padding, the same step. Default true. */
  sortByLength: z.boolean().optional(),
  /** Rows for the figures measured at each save; 0 for none. */
  healthRows: z.int().min(0).optional(),
  /** Compute activations again in the backward pass instead of keeping them. Default `auto`: only where the memory does not suffice. */
  checkpointActivations: z.union([z.boolean(), z.literal('auto')]).optional(),
  /** Folder of a PEFT adapter to start from instead of a fresh one; a path from the config's folder. Rank, alpha and targets have to be its own. */
  from: z.string().min(1).optional(),
};

/** What both SFT trainers need to know, complete. */
export interface SftRecipe {
  readonly preset: 'seed' | 'upstream' | null;
  readonly steps: number;
  readonly saveEvery: number;
  readonly rank: number;
  readonly alpha: number;
  readonly dropout: number;
  readonly targets: string | readonly string[];
  readonly rankStabilized: boolean;
  readonly optimizer: 'adamw' | 'adamw8bit';
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly betas: readonly [number, number];
  readonly schedule: 'constant' | 'cosine' | 'linear';
  readonly warmup: number;
  readonly finalFraction: number;
  readonly maxRows: number | null;
  readonly microBatch: number;
  readonly accumulate: number;
  readonly maxLength: number;
  readonly clipNorm: number;
  readonly sortByLength: boolean;
  readonly healthRows: number;
  readonly checkpointActivations: boolean | 'auto';
  readonly from: string | null;
}

const basic = {
  preset: null,
  steps: 500,
  saveEvery: 50,
  rank: 64,
  dropout: 0,
  targets: defaultTargets,
  rankStabilized: false,
  optimizer: 'adamw',
  learningRate: 1e-4,
  weightDecay: 0,
  betas: [0.9, 0.999],
  schedule: 'constant',
  warmup: 0,
  finalFraction: 0,
  maxRows: null,
  microBatch: 1,
  accumulate: 16,
  maxLength: 512,
  clipNorm: 1,
  sortByLength: true,
  healthRows: 64,
  checkpointActivations: 'auto',
  from: null,
} as const satisfies Omit<SftRecipe, 'alpha'>;

/** Both stages of the Gemma-4-E2B trajectory by SolshineCode, made on a 4 GB card. Its quantizer is NF4 with double quantisation: `quantizer.options.doubleQuant`. */
const seed = {
  steps: 500,
  saveEvery: 50,
  rank: 64,
  alpha: 128,
  dropout: 0.05,
  rankStabilized: false,
  optimizer: 'adamw8bit',
  learningRate: 1e-4,
  schedule: 'constant',
  warmup: 0,
  microBatch: 1,
  accumulate: 16,
  maxLength: 512,
  checkpointActivations: true,
} as const satisfies Partial<SftRecipe>;

/**
 * Both stages of kitft/natural_language_autoencoders: 1 000 steps of 256 rows, 50 of them warm-up, cosine decay from 2e-5 to a tenth. Upstream
 * trains all weights; the adapter is that of its LoRA descendant EasyNLA: rank-stabilised, on attention only, gradients clipped at 1.
 */
const upstream = {
  steps: 1000,
  saveEvery: 500,
  rank: 128,
  alpha: 16,
  dropout: 0,
  targets: attentionTargets,
  rankStabilized: true,
  optimizer: 'adamw',
  learningRate: 2e-5,
  schedule: 'cosine',
  warmup: 50,
  finalFraction: 0.1,
  clipNorm: 1,
  maxLength: 1024,
} as const satisfies Partial<SftRecipe>;

/** Published recipes by role. */
const presets = {
  av: {
    seed: { ...seed, targets: defaultTargets },
    upstream: { ...upstream, microBatch: 16, accumulate: 16 },
  },
  ar: {
    // The published reconstructor was trained for 15 steps, on attention only. Its head and depth are not part of the recipe.
    seed: { ...seed, steps: 15, targets: attentionTargets },
    upstream: { ...upstream, microBatch: 64, accumulate: 4 },
  },
} as const satisfies Record<'av' | 'ar', Record<string, Partial<SftRecipe>>>;

/** The options of an SFT trainer as they stand in a config. */
export type SftOptions = z.input<z.ZodObject<typeof sftShape>>;

/** Fills in what `options` leave out: from their preset for that role, then from the defaults. */
export function resolveRecipe(options: SftOptions, role: 'av' | 'ar'): SftRecipe {
  const given = Object.fromEntries(Object.entries(options).filter(([key, value]) => key in sftShape && value !== undefined));
  const chosen: Partial<SftRecipe> = { ...(options.preset === undefined ? {} : presets[role][options.preset]), ...given };
  const rank = chosen.rank ?? basic.rank;
  // A rank given without alpha means alpha = 2 rank, also beside a preset.
  const alpha = options.alpha ?? (options.rank === undefined ? chosen.alpha : undefined) ?? 2 * rank;
  return { ...basic, ...chosen, rank, alpha };
}
