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
