import { tf } from '../tensorflow.js';

/**
 * Leaves numbers behind in memory that is free again, in pieces of each of those numbers of elements: a kernel that does not fill its
 * result is found out, where fresh memory happens to be zero.
 */
export function dirtyMemory(sizes: readonly number[]): void {
  // Several of each, for the tensors that an operation needs in between.
  tf.tidy(() => {
    for (const size of sizes) for (let copy = 0; copy < 8 && size > 0; copy += 1) tf.add(tf.fill([size], 1234), 1);
  });
}
