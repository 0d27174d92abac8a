import type { RandomStream } from '@nlakit/core';
import { NlaError } from '@nlakit/core';
import type { TextTransform, TextVariant } from './text-transform.js';

/** The variants of every text, by name of the transform. */
export type TransformedTexts = Readonly<Record<string, readonly (readonly TextVariant[])[]>>;

/** Applies all transforms. Each has its own random stream, so that one more transform leaves the others as they were. */
export async function runTransforms(
  transforms: readonly TextTransform[],
  texts: readonly string[],
  stream: (name: string) => RandomStream,
  signal: AbortSignal,
): Promise<TransformedTexts> {
  const result: Record<string, readonly (readonly TextVariant[])[]> = {};
  for (const transform of transforms) {
    signal.throwIfAborted();
    const variants = await transform.apply(texts, { random: stream(transform.name), signal });
    if (variants.length !== texts.length) {
      throw new NlaError('E_TRANSFORM_RESULT', {
        message: `The transform "${transform.name}" did not answer for every text.`,
        found: `${variants.length} lists for ${texts.length} texts`,
        kind: 'input',
      });
    }
    result[transform.name] = variants;
  }
  return result;
}
