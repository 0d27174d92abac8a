/** Kernels that only move bytes. */

/** Copies `rows` rows of `bytes` bytes, the rows `fromStep` and `toStep` bytes apart. */
export function copyRows(from: usize, fromStep: usize, to: usize, toStep: usize, bytes: usize, rows: u32): void {
  if (fromStep == bytes && toStep == bytes) {
    memory.copy(to, from, bytes * rows);
    return;
  }
  for (let row: u32 = 0; row < rows; row++) {
    copyRow(from, to, bytes);
    from += fromStep;
    to += toStep;
  }
}

/** Short rows in a loop of our own: a call of the runtime's copy costs more than they do. */
// @ts-ignore: decorator
@inline
function copyRow(from: usize, to: usize, bytes: usize): void {
  if (bytes == 4) {
    store<u32>(to, load<u32>(from));
  } else if ((bytes & 15) == 0 && bytes <= 1024) {
    for (let i: usize = 0; i < bytes; i += 16) v128.store(to + i, v128.load(from + i));
  } else {
    memory.copy(to, from, bytes);
  }
}

/** out [outer, count] = x [outer, size] at `indices` [count], elements being rows of `bytes` bytes. The caller has checked the indices. */
export function gatherRows(x: usize, indices: usize, out: usize, outer: u32, size: u32, count: u32, bytes: usize): void {
  for (let o: u32 = 0; o < outer; o++) {
    for (let i: u32 = 0; i < count; i++) {
      copyRow(x + <usize>load<u32>(indices + <usize>i * 4) * bytes, out, bytes);
      out += bytes;
    }
    x += <usize>size * bytes;
  }
}
