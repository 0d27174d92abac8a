import type { RandomStream } from '@nlakit/core';

/**
 * A random permutation of `0 … count - 1` that leaves nothing in its place (for `count > 1`): one cycle through all, by Sattolo's
 * algorithm. The controls that break the link between vector and text use it.
 */
export function cyclicPermutation(count: number, stream: RandomStream): number[] {
  const order = Array.from({ length: count }, (_, index) => index);
  for (let last = count - 1; last > 0; last--) {
    const other = stream.integer(last);
    const kept = order[last] ?? 0;
    order[last] = order[other] ?? 0;
    order[other] = kept;
  }
  return order;
}

/**
 * Rows that get the vector of another one: `share` of `count` rows, drawn at random, exchange theirs in one cycle. The row that each of
 * them gets it from, by row; rows that keep their own are not in it. With a share of 1 it is {@link cyclicPermutation} of all rows.
 */
export function exchangedPlaces(count: number, share: number, stream: RandomStream): ReadonlyMap<number, number> {
  const number = Math.round(count * share);
  if (number < 2) return new Map();
  const all = Array.from({ length: count }, (_, place) => place);
  const chosen = number === count ? all : stream.shuffle(all).slice(0, number);
  const order = cyclicPermutation(number, stream);
  return new Map(chosen.map((place, index) => [place, chosen[order[index] ?? index] ?? place]));
}
