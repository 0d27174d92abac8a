import { NlaError } from '@nlakit/core';
import type { Tokenizer } from '@nlakit/core';

/** A character that is one token, to stand where a vector goes. */
export interface Marker {
  readonly char: string;
  readonly id: number;
}

/** First and last code point of the characters that markers are taken from: enclosed CJK, rare in text. */
const markerRange = { first: 0x3200, last: 0x33ff } as const;

/** The characters of U+3200..U+33FF that are a single token of their own, ascending: the order in which upstream takes the first. */
export function* scanMarkers(tokenizer: Tokenizer): Generator<Marker> {
  for (let codePoint = markerRange.first; codePoint <= markerRange.last; codePoint += 1) {
    const char = String.fromCodePoint(codePoint);
    const ids = tokenizer.encode(char, { special: false });
    const id = ids[0];
    if (ids.length === 1 && id !== undefined && id !== tokenizer.unkId && tokenizer.decode([id]) === char) yield { char, id };
  }
}

/** The first character of {@link scanMarkers}: the rule of kitft/natural_language_autoencoders. `E_MARKER_NONE` if there is none. */
export function findMarker(tokenizer: Tokenizer): Marker {
  for (const marker of scanMarkers(tokenizer)) return marker;
  throw new NlaError('E_MARKER_NONE', {
    message: 'No character of U+3200..U+33FF is a single token of this tokenizer.',
    fix: 'Name a marker that is one token in the dataset options.',
    kind: 'input',
  });
}
