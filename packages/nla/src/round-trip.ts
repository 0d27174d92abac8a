import { cosineTo } from './cosine-to.js';
import type { Reconstructor } from './reconstructor.js';
import type { Explanation, ExplainOptions, Verbalizer } from './verbalizer.js';

/** A vector, what was written about it, and what could be read from that alone. */
export interface RoundTrip extends Explanation {
  /** What the reconstructor predicts from the explanation; from the empty text where the output holds none. */
  readonly reconstruction: Float32Array;
  /** Cosine between vector and reconstruction. Compare it with that of a constant prediction: alone it says little. */
  readonly cosine: number;
}

/** Explains every vector and reconstructs it from the explanation. An output without explanation counts as the empty text; none is dropped. */
export async function roundTrip(
  parts: { readonly verbalizer: Verbalizer; readonly reconstructor: Reconstructor },
  vectors: readonly Float32Array[],
  options: ExplainOptions = {},
): Promise<RoundTrip[]> {
  const explanations = await parts.verbalizer.explain(vectors, options);
  const texts = explanations.map(({ explanation }) => explanation ?? '');
  const reconstructions = await parts.reconstructor.reconstruct(texts, {
    ...(options.batch === undefined ? {} : { batch: options.batch }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  return explanations.map((explanation, index) => {
    const reconstruction = reconstructions[index] ?? new Float32Array();
    return { ...explanation, reconstruction, cosine: cosineTo(vectors[index] ?? new Float32Array(), reconstruction) };
  });
}
