import { createHash } from 'node:crypto';
import type { RandomStream, SeedStreams } from '@nlakit/core';

/**
 * Runs `draw` with a stream that starts from `sha256(seed|key)`, and leaves the run's streams as they were: what is drawn for one document
 * does not depend on which others this process has seen, so that shards and resumed runs draw alike.
 */
export function withRandomFor<Result>(seeds: SeedStreams, key: string, draw: (random: RandomStream) => Result): Result {
  const random = seeds.stream('dataset');
  const before = random.state();
  const digest = createHash('sha256').update(`${seeds.seed}|${key}`).digest();
  random.restore({ algorithm: before.algorithm, words: [0, 4, 8, 12].map((offset) => digest.readUInt32LE(offset)) });
  try {
    return draw(random);
  } finally {
    random.restore(before);
  }
}
