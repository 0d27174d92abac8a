import type { Model, RandomStream } from '@nlakit/core';
import { norm } from '@nlakit/metrics';
import { chunks } from './chunks.js';

/** Ids that are looked at; all of them where the vocabulary is smaller. */
const sampledIds = 1000;

/** Norms of the embedding output, after scaling, of about 1 000 random ids: what an injected vector stands beside. */
export async function sampleEmbeddingNorms(model: Pick<Model, 'spec' | 'embed'>, random: RandomStream): Promise<number[]> {
  const { vocabularySize, dModel } = model.spec;
  const ids =
    vocabularySize <= sampledIds
      ? Array.from({ length: vocabularySize }, (_, id) => id)
      : Array.from({ length: sampledIds }, () => random.integer(vocabularySize));
  const norms: number[] = [];
  for (const some of chunks(ids, 256)) {
    const vectors = await model.embed(Int32Array.from(some));
    some.forEach((_, place) => norms.push(norm(vectors.subarray(place * dModel, (place + 1) * dModel))));
  }
  return norms;
}
