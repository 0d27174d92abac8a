/** Squares of so many values are summed on their own; a compiled sum may share the blocks out among threads. */
const block = 16384;

/**
 * The sum of the squares in f64. Its order is part of its meaning, so that a compiled one can return the same bits: blocks in order, and in
 * a block eight sums side by side, which take the values in turn, are added half to half, and then what was left of less than eight values.
 */
export function sumOfSquares(values: Float32Array): number {
  let sum = 0;
  for (let start = 0; start < values.length; start += block) sum += ofBlock(values, start, Math.min(start + block, values.length));
  return sum;
}

function ofBlock(values: Float32Array, start: number, end: number): number {
  let [a, b, c, d, e, f, g, h, rest] = [0, 0, 0, 0, 0, 0, 0, 0, 0];
  let at = start;
  for (; at + 8 <= end; at += 8) {
    a += values[at]! * values[at]!;
    b += values[at + 1]! * values[at + 1]!;
    c += values[at + 2]! * values[at + 2]!;
    d += values[at + 3]! * values[at + 3]!;
    e += values[at + 4]! * values[at + 4]!;
    f += values[at + 5]! * values[at + 5]!;
    g += values[at + 6]! * values[at + 6]!;
    h += values[at + 7]! * values[at + 7]!;
  }
  for (; at < end; at++) rest += values[at]! * values[at]!;
  return a + e + (c + g) + (b + f + (d + h)) + rest;
}
