import type { NlaRow, Tokenizer } from '@nlakit/core';

/** The tokens that vectors were read at, and where they are known from. */
export interface ReadingTokens {
  readonly tokens: readonly (string | undefined)[];
  /** `stated`: by all rows. `encoded`: the last token of each row's text, encoded again. `unknown`: neither token nor text is there. */
  readonly source: 'stated' | 'encoded' | 'unknown';
}

/** The last token of every row's text. One spelling for all rows: stated tokens and encoded ones are never compared with each other. */
export function readingTokens(rows: readonly NlaRow[], tokenizer: Pick<Tokenizer, 'encode' | 'tokenOf'>): ReadingTokens {
  const stated = rows.map(({ token }) => token);
  if (rows.length > 0 && stated.every((token) => token !== undefined)) return { tokens: stated, source: 'stated' };
  const encoded = rows.map(({ text }) => {
    const last = text === undefined ? undefined : tokenizer.encode(text, { special: false }).at(-1);
    return last === undefined ? undefined : tokenizer.tokenOf(last);
  });
  return { tokens: encoded, source: encoded.some((token) => token !== undefined) ? 'encoded' : 'unknown' };
}
