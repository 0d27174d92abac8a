import { NlaError, type Injector, type Scale } from '@nlakit/core';

/** An injector that replaces the marker's embedding, rescaled to the norm `scale`: the rules of the seam and nothing else. */
export function createToyInjector(scale: Scale = 3): Injector {
  return {
    name: 'toy',
    perLayerIds: 'marker',
    scale: () => scale,
    locate(tokens, batch, { injectionTokenId, leftNeighborId, rightNeighborId }) {
      if (!Number.isInteger(tokens.length / batch)) throw slotError(`${tokens.length} tokens for ${batch} rows`);
      const length = tokens.length / batch;
      return Array.from({ length: batch }, (_, row) => {
        const ids = [...tokens.subarray(row * length, (row + 1) * length)];
        const position = ids.indexOf(injectionTokenId);
        const once = position >= 0 && ids.lastIndexOf(injectionTokenId) === position;
        if (!once || ids[position - 1] !== leftNeighborId || ids[position + 1] !== rightNeighborId)
          throw slotError(`row ${row}: ${ids.join(' ')}`);
        return { row, position };
      });
    },
    guard({ activationNorms, embeddingNorms }, norm) {
      const length = norm ?? activationNorms.median;
      const activationRatio = norm === null ? null : length / activationNorms.median;
      const embeddingRatio = length / embeddingNorms.median;
      const held = [activationRatio ?? embeddingRatio, embeddingRatio].map((ratio) => ratio >= 0.5 && ratio <= 3);
      return {
        verdict: held.every(Boolean) ? 'accepted' : held.some(Boolean) ? 'acknowledge' : 'refused',
        activationRatio,
        embeddingRatio,
        medianActivationNorm: activationNorms.median,
        medianEmbeddingNorm: embeddingNorms.median,
        reasons: [`An injected vector is ${embeddingRatio.toPrecision(3)} times as long as an embedding.`],
      };
    },
    apply(slots, vectors, norm) {
      if (slots.length === 0 || vectors.length % slots.length !== 0) {
        throw new NlaError('E_INJECTION_SHAPE', { message: 'There must be one vector for every slot.' });
      }
      if (!vectors.every(Number.isFinite))
        throw new NlaError('E_INJECTION_VALUE', { message: 'A vector holds a value that is no number.' });
      const dModel = vectors.length / slots.length;
      return slots.map((slot, index) => {
        const vector = vectors.slice(index * dModel, (index + 1) * dModel);
        const factor = norm === null ? 1 : norm / Math.max(Math.hypot(...vector), 1e-12);
        return { ...slot, vector: vector.map((value) => value * factor) };
      });
    },
  };
}

function slotError(found: string): NlaError {
  return new NlaError('E_INJECTION_SLOT', { message: 'A row does not have exactly one slot.', found });
}
