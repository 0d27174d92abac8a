import type { Estimate } from '@nlakit/core';

/** What a threshold stated beforehand came to. */
export type Verdict = 'met' | 'not met' | 'undecided';

/** Holds an effect's whole interval against a threshold: undecided where the threshold lies inside. */
export function verdict({ low, high }: Estimate, { atLeast, atMost }: { readonly atLeast?: number; readonly atMost?: number }): Verdict {
  if (atLeast !== undefined) return low >= atLeast ? 'met' : high < atLeast ? 'not met' : 'undecided';
  if (atMost !== undefined) return high <= atMost ? 'met' : low > atMost ? 'not met' : 'undecided';
  return 'undecided';
}
