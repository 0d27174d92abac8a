/** Where the right candidate stands among all: how many fit better, and how many others fit as well. */
export interface Standing {
  readonly better: number;
  readonly tied: number;
}

/** For one text: how every candidate stands, `[candidates]` each. */
export interface Standings {
  readonly better: Int32Array;
  readonly tied: Int32Array;
}

/** Ranks all candidates by similarity. Similarities that differ by rounding alone, 1e-12, are ties. */
export function rankCandidates(similarities: ArrayLike<number>): Standings {
  const n = similarities.length;
  const order = Array.from({ length: n }, (_, index) => index).sort((a, b) => (similarities[b] ?? 0) - (similarities[a] ?? 0));
  const better = new Int32Array(n);
  const tied = new Int32Array(n);
  for (let start = 0; start < n;) {
    const value = similarities[order[start] ?? 0] ?? 0;
    let end = start + 1;
    while (end < n && value - (similarities[order[end] ?? 0] ?? 0) <= 1e-12) end += 1;
    for (const candidate of order.slice(start, end)) {
      better[candidate] = start;
      tied[candidate] = end - start - 1;
    }
    start = end;
  }
  return { better, tied };
}

/** Chance that the right candidate is among the first k if ties are broken at random. */
export function hitWithin({ better, tied }: Standing, k: number): number {
  return Math.min(1, Math.max(0, (k - better) / (tied + 1)));
}

/** Mean rank, from 1, over the ways to break the ties. */
export function meanRank({ better, tied }: Standing): number {
  return 1 + better + tied / 2;
}

/** Mean of 1 / rank over the ways to break the ties. */
export function reciprocalRank({ better, tied }: Standing): number {
  let sum = 0;
  for (let rank = better + 1; rank <= better + tied + 1; rank += 1) sum += 1 / rank;
  return sum / (tied + 1);
}

/** 1 for the best place, 0 for the last; .5 is chance. NaN for a single candidate. */
export function rankPercentile(standing: Standing, candidates: number): number {
  return (candidates - meanRank(standing)) / (candidates - 1);
}
