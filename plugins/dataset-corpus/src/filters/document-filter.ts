import { createHash } from 'node:crypto';
import type { FilterOptions } from './filter-options.js';
import { bandKeys, minHash, similarity } from './min-hash.js';

/** Why a document is left out. */
export type FilterReason = 'too-short' | 'too-long' | 'banned-term' | 'duplicate' | 'near-duplicate';

/** Decides document by document, in corpus order; remembers what it has let through. */
export interface DocumentFilter {
  /** Why this document is left out; undefined where it stays. */
  reason(text: string): FilterReason | undefined;
  /** How many documents were left out so far, by reason. */
  counts(): Readonly<Partial<Record<FilterReason, number>>>;
}

/**
 * A filter over a stream of documents. It keeps a hash of every text, and for near repeats a signature of 512 bytes, so memory grows by
 * about 2 kB a document. The same documents in the same order give the same answers: every shard of an extraction asks it about all.
 */
export function createDocumentFilter(options: FilterOptions): DocumentFilter {
  const counts: Partial<Record<FilterReason, number>> = {};
  const banned = bannedPattern(options.bannedTerms);
  const seen = new Set<string>();
  const bands = new Map<string, Uint32Array[]>();

  const nearRepeat = (text: string): boolean => {
    const signature = minHash(text);
    const keys = bandKeys(signature);
    if (keys.some((key) => bands.get(key)?.some((other) => similarity(signature, other) >= options.nearThreshold))) return true;
    for (const key of keys) {
      const known = bands.get(key);
      if (known === undefined) bands.set(key, [signature]);
      else known.push(signature);
    }
    return false;
  };

  const judge = (text: string): FilterReason | undefined => {
    const characters = text.trim().length;
    if (characters < options.minCharacters) return 'too-short';
    if (options.maxCharacters !== undefined && characters > options.maxCharacters) return 'too-long';
    if (banned?.test(text) === true) return 'banned-term';
    if (options.duplicates === 'keep') return undefined;
    const hash = createHash('sha256').update(normalized(text)).digest('base64');
    if (seen.has(hash)) return 'duplicate';
    if (options.duplicates === 'near' && nearRepeat(text)) return 'near-duplicate';
    seen.add(hash);
    return undefined;
  };

  return {
    reason(text) {
      const reason = judge(text);
      if (reason !== undefined) counts[reason] = (counts[reason] ?? 0) + 1;
      return reason;
    },
    counts: () => ({ ...counts }),
  };
}

/** What makes two texts the same: white space and Unicode form do not count. */
function normalized(text: string): string {
  return text.normalize('NFC').replace(/\s+/gu, ' ').trim();
}

function bannedPattern(terms: readonly string[]): RegExp | undefined {
  if (terms.length === 0) return undefined;
  const alternatives = terms.map((term) => term.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/\s+/g, '\\s+'));
  return new RegExp(`(?<![\\p{L}\\p{N}])(?:${alternatives.join('|')})(?![\\p{L}\\p{N}])`, 'iu');
}
