import { NlaError } from '@nlakit/core';
import type { TextTransform, TextVariant } from './text-transform.js';

/** Paraphrases texts, one for one; null for a text it has no paraphrase of, which then has no variant. */
export type Paraphraser = (texts: readonly string[], context: { readonly signal: AbortSignal }) => Promise<readonly (string | null)[]>;

/** The sentences or clauses that a text claims, with their punctuation. */
export function claimsOf(text: string): string[] {
  return text.split(/(?<=[.!?;])\s+|\n+/).filter((claim) => claim.trim() !== '');
}

/** Nothing in place of the text: what any other change is to be compared with. */
export const emptyTransform: TextTransform = {
  name: 'empty',
  meaning: 'nothing in place of the text',
  apply: (texts) => texts.map((text) => (text === '' ? [] : [{ text: '' }])),
};

/** The words of the text in random order. */
export const shuffleWords: TextTransform = {
  name: 'shuffle-words',
  meaning: 'the words of the text in random order',
  apply: (texts, { random }) => texts.map((text) => variantOf(text, random.shuffle(text.split(/\s+/).filter(Boolean)).join(' '))),
};

/** The sentences of the text in random order. */
export const shuffleSentences: TextTransform = {
  name: 'shuffle-sentences',
  meaning: 'the sentences of the text in random order',
  apply: (texts, { random }) => texts.map((text) => variantOf(text, random.shuffle(claimsOf(text)).join(' '))),
};

/** Each sentence left out in turn. Sentences of the form `label: …` are told apart by their label. */
export const dropClaim: TextTransform = {
  name: 'drop-claim',
  meaning: 'each sentence left out in turn',
  apply: (texts) =>
    texts.map((text) => {
      const claims = claimsOf(text);
      if (claims.length < 2) return [];
      return claims.map((claim, dropped) => {
        const label = /^([\p{L}\p{N}][\p{L}\p{N} _-]{0,30}):/u.exec(claim)?.[1]?.toLowerCase();
        const rest = claims.filter((_, index) => index !== dropped).join(' ');
        return { text: rest, part: label ?? `sentence ${dropped + 1}` };
      });
    }),
};

/** A transform that hands the texts to a function. `E_PARAPHRASER_RESULT` unless it gives one text for each. */
export function paraphraseTransform(paraphrase: Paraphraser): TextTransform {
  return {
    name: 'paraphrase',
    meaning: 'the text in other words',
    async apply(texts, { signal }) {
      const unique = [...new Set(texts.filter((text) => text !== ''))];
      const found: unknown = await paraphrase(unique, { signal });
      if (!Array.isArray(found) || found.length !== unique.length || !found.every((text) => typeof text === 'string' || text === null)) {
        throw new NlaError('E_PARAPHRASER_RESULT', {
          message: 'The paraphraser did not give one text for each.',
          found: Array.isArray(found) ? `${found.length} results for ${unique.length} texts` : typeof found,
          expected: 'an array of texts or null, as many as it was given',
          kind: 'input',
        });
      }
      const byText = new Map(unique.map((text, index) => [text, found[index] as string | null]));
      return texts.map((text) => {
        const other = byText.get(text);
        return other == null ? [] : [{ text: other }];
      });
    },
  };
}

/** No variant where the change leaves the text as it was. */
function variantOf(text: string, changed: string): TextVariant[] {
  return changed === text || text === '' ? [] : [{ text: changed }];
}
