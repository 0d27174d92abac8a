import * as z from 'zod';
import { sourceOptionsSchema } from './documents/index.js';
import { filterOptionsSchema } from './filters/index.js';

const splitName = z.enum(['avSft', 'arSft', 'heldOut']);
const share = z.number().min(0).max(1);

/** Options of `@nlakit/dataset-corpus`. */
export const optionsSchema = z.strictObject({
  /** Where the texts come from, in this order. */
  sources: z.array(sourceOptionsSchema).min(1),
  /** Which documents are left out; each is counted by its reason. */
  filters: filterOptionsSchema.prefault({}),

  /** Longest text in tokens, special ones included; what is longer is cut on the right. */
  maxLength: z.number().int().min(2).default(2048),
  /** First position that may be read, from 0: before it, a model has seen too little. */
  minPosition: z.number().int().min(0).default(50),
  /** Vectors taken from one document; fewer where it has not so many positions. */
  positionsPerDocument: z.number().int().min(1).default(10),
  /** Further blocks that are read in the same pass; the files are made for the layer of the model. */
  layers: z.array(z.number().int().min(0)).default([]),
  /** Whether all rows are also written before they are split, to one `base_L<K>.parquet` for each layer. */
  base: z.boolean().default(false),
  /** Most tokens of one forward pass, padding included. */
  batchTokens: z.number().int().min(1).default(4096),
  /** Documents of one chunk: what is lost at most when the extraction is killed, and what shards divide among them. */
  chunkDocuments: z.number().int().min(1).default(256),

  /** Shares of the documents. */
  fractions: z.strictObject({ avSft: share, arSft: share, heldOut: share }).default({ avSft: 0.25, arSft: 0.25, heldOut: 0.5 }),
  /** `shuffle` meets the shares exactly; `hash` never moves a document when others are added. */
  splitBy: z.enum(['shuffle', 'hash']).default('shuffle'),

  /** Splits whose rows get an explanation. The training splits need one; held-out rows only for comparisons with labels (GOLD). */
  label: z.array(splitName).default(['avSft', 'arSft']),
  /** Rows that a labeler is given at a time, and what is lost at most when labelling is killed. */
  labelChunkRows: z.number().int().min(1).default(256),
  /** Folder of answers that cost something, which runs can share; inside the run when absent. */
  labelCache: z.string().min(1).optional(),

  /** Prompts. The AV's holds `{injection_char}` once, the AR's `{explanation}` once. */
  templates: z.strictObject({ av: z.string().min(1), ar: z.string().min(1), avChat: z.boolean().default(false) }).default({
    av: 'A vector was read inside a language model while it read a text. It stands between the concept tags. Say what it holds, between explanation tags.\n\n<concept>{injection_char}</concept>\n\n',
    ar: 'Summary of the following text: <text>{explanation}</text> <summary>',
    avChat: false,
  }),

  /** Splits whose rows are put in random order; otherwise in the order of the corpus. */
  shuffle: z.array(splitName).default([]),
  /** Splits whose vectors are dealt out to other rows: a control whose training teaches nothing about the vectors. */
  shuffleActivations: z.array(splitName).default([]),
});

/** Options after validation. */
export type CorpusDatasetOptions = z.output<typeof optionsSchema>;
