import type { RandomStream } from '@nlakit/core';

/** One changed form of a text. */
export interface TextVariant {
  readonly text: string;
  /** What was taken out or changed, where transforms of several texts can be compared by it: the label of a claim. */
  readonly part?: string;
}

/** What a transform may use. */
export interface TransformContext {
  readonly random: RandomStream;
  readonly signal: AbortSignal;
}

/**
 * Changes texts, to see what the reconstructor reads in them. A text gets no variant where the transform does not apply to it, several
 * where it can be changed in several ways; their cosines are averaged.
 */
export interface TextTransform {
  /** Key in rows and summary: `shuffle-words`. */
  readonly name: string;
  readonly meaning: string;
  /** A list of variants for every text, in their order. */
  apply(
    texts: readonly string[],
    context: TransformContext,
  ): readonly (readonly TextVariant[])[] | Promise<readonly (readonly TextVariant[])[]>;
}
