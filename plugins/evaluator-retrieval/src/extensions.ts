import { NlaError } from '@nlakit/core';
import { dropClaim, emptyTransform, paraphraseTransform, shuffleSentences, shuffleWords, type Paraphraser } from './built-in-transforms.js';
import { loadExport } from './load-export.js';
import type { RetrievalOptions } from './options.js';
import type { TextTransform } from './text-transform.js';

/** Turns texts into vectors of equal length, one for one; similarity is their cosine. */
export type Embedder = (texts: readonly string[], context: { readonly signal: AbortSignal }) => Promise<readonly ArrayLike<number>[]>;

/** What the options add to the evaluator. */
export interface Extensions {
  readonly transforms: readonly TextTransform[];
  readonly embedder?: Embedder;
}

/**
 * The built-in transforms and what the options name. `E_MODULE_LOAD`, `E_MODULE_EXPORT`; `E_TRANSFORM_INVALID` for an export of another
 * form, and for two transforms of one name.
 */
export async function loadExtensions(options: RetrievalOptions, baseFolder: string): Promise<Extensions> {
  const transforms: TextTransform[] = [emptyTransform, shuffleWords, shuffleSentences, dropClaim];
  if (options.paraphraser !== undefined) {
    transforms.push(paraphraseTransform(await paraphraserOf(options.paraphraser, baseFolder)));
  }
  for (const specifier of options.transforms) {
    const found = await loadExport(specifier, baseFolder);
    if (!isTransform(found)) throw invalid(specifier, 'an object with name, meaning and apply');
    if (transforms.some(({ name }) => name === found.name)) throw invalid(specifier, `a name other than "${found.name}"`);
    transforms.push(found);
  }
  if (options.embedder === undefined) return { transforms };
  return { transforms, embedder: (await functionOf(options.embedder, baseFolder)) as Embedder };
}

async function paraphraserOf(named: NonNullable<RetrievalOptions['paraphraser']>, baseFolder: string): Promise<Paraphraser> {
  if (typeof named === 'string') return (await functionOf(named, baseFolder)) as Paraphraser;
  const make = (await functionOf(named.use, baseFolder)) as (options: unknown, context: { readonly baseFolder: string }) => unknown;
  const made = await make(named.options, { baseFolder });
  if (typeof made === 'function') return made as Paraphraser;
  throw invalid(named.use, 'a function that makes a function of its options');
}

async function functionOf(specifier: string, baseFolder: string): Promise<unknown> {
  const found = await loadExport(specifier, baseFolder);
  if (typeof found === 'function') return found;
  throw invalid(specifier, 'a function');
}

function isTransform(value: unknown): value is TextTransform {
  if (typeof value !== 'object' || value === null) return false;
  const { name, meaning, apply } = value as Readonly<Record<string, unknown>>;
  return typeof name === 'string' && typeof meaning === 'string' && typeof apply === 'function';
}

function invalid(specifier: string, expected: string): NlaError {
  return new NlaError('E_TRANSFORM_INVALID', { message: `"${specifier}" does not have the form it needs.`, expected, kind: 'input' });
}
