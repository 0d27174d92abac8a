import { NlaError } from '@nlakit/core';
import type { Tokenizer } from '@nlakit/core';

/** A character that is one token, to stand where a vector goes. */
export interface Marker {
  readonly char: string;
  readonly id: number;
}

/**
 * The first character of U+3200..U+33FF (enclosed CJK, rare in text) that is a single token of its own: the rule of
 * kitft/natural_language_autoencoders. `E_MARKER_NONE` if there is none.
 */
export function findMarker(tokenizer: Tokenizer): Marker {
  for (let codePoint = 0x3200; codePoint <= 0x33ff; codePoint += 1) {
    const char = String.fromCodePoint(codePoint);
    const ids = tokenizer.encode(char, { special: false });
    const id = ids[0];
    if (ids.length === 1 && id !== undefined && id !== tokenizer.unkId && tokenizer.decode([id]) === char) return { char, id };
  }
  throw new NlaError('E_MARKER_NONE', {
    message: 'No character of U+3200..U+33FF is a single token of this tokenizer.',
    fix: 'Name a marker that is one token in the dataset options.',
    kind: 'input',
  });
}
