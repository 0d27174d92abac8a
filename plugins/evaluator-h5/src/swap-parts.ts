import { parseParts, writeParts } from './parse-fields.js';
import type { ExplanationParts } from './parse-fields.js';

/** Texts with some parts taken from other rows. */
export interface SwappedTexts {
  readonly texts: readonly string[];
  /** Rows left as they were, because their text, or all that they could take from, has another form. */
  readonly unswapped: number;
}

/**
 * Replaces the named parts of every text by those of another row's text. `partners` gives the row to take from; where that row's text
 * cannot be taken apart, its own partner is asked, and so on. Documents are never mixed with themselves.
 */
export function swapParts(
  texts: readonly string[],
  partners: readonly number[],
  documents: readonly string[],
  names: readonly (keyof ExplanationParts)[],
): SwappedTexts {
  const parsed = texts.map((text) => parseParts(text));
  let unswapped = 0;
  const swapped = texts.map((text, row) => {
    const own = parsed[row];
    const donor = own === undefined ? undefined : findDonor(row, parsed, partners, documents);
    if (own === undefined || donor === undefined) {
      unswapped += 1;
      return text;
    }
    return writeParts({ ...own, ...Object.fromEntries(names.map((name) => [name, donor[name]])) });
  });
  return { texts: swapped, unswapped };
}

function findDonor(
  row: number,
  parsed: readonly (ExplanationParts | undefined)[],
  partners: readonly number[],
  documents: readonly string[],
): ExplanationParts | undefined {
  let candidate = partners[row];
  for (let hop = 0; hop < partners.length && candidate !== undefined; hop += 1) {
    const parts = parsed[candidate];
    if (parts !== undefined && documents[candidate] !== documents[row]) return parts;
    candidate = partners[candidate];
  }
  return undefined;
}
