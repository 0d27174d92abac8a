import type { ExplanationFields, ExplanationForm } from './explanation-form.js';

/** Texts with some fields taken from other rows. */
export interface SwappedTexts {
  readonly texts: readonly string[];
  /** Rows left as they were, because their text, or all that they could take from, has another form. */
  readonly unswapped: number;
}

/**
 * Replaces the named fields of every text by those of another row's text. `partners` gives the row to take from; where that row's text
 * cannot be taken apart, its own partner is asked, and so on, and then any row. Documents are never mixed with themselves.
 */
export function swapFields(
  texts: readonly string[],
  partners: readonly number[],
  documents: readonly string[],
  names: readonly string[],
  form: ExplanationForm,
): SwappedTexts {
  const parsed = texts.map((text) => form.parse(text));
  let unswapped = 0;
  const swapped = texts.map((text, row) => {
    const own = parsed[row];
    const donor = own === undefined ? undefined : findDonor(row, parsed, partners, documents);
    if (own === undefined || donor === undefined) {
      unswapped += 1;
      return text;
    }
    return form.write({ ...own, ...Object.fromEntries(names.map((name) => [name, donor[name] ?? ''])) });
  });
  return { texts: swapped, unswapped };
}

function findDonor(
  row: number,
  parsed: readonly (ExplanationFields | undefined)[],
  partners: readonly number[],
  documents: readonly string[],
): ExplanationFields | undefined {
  const fits = (candidate: number) => parsed[candidate] !== undefined && documents[candidate] !== documents[row];
  let candidate = partners[row];
  // Partners form circles; behind a circle in which nothing fits, the rows after this one are asked in their order.
  for (let hop = 0; hop < partners.length && candidate !== undefined && candidate !== row; hop += 1) {
    if (fits(candidate)) return parsed[candidate];
    candidate = partners[candidate];
  }
  for (let offset = 1; offset < parsed.length; offset += 1) {
    const next = (row + offset) % parsed.length;
    if (fits(next)) return parsed[next];
  }
  return undefined;
}
