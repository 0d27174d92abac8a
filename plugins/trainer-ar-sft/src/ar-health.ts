import type { Figures, LoraAdapter, Model, NlaContract } from '@nlakit/core';
import { chunks, cosineTo, lastTokenHidden } from '@nlakit/nla';
import { type ArExample, otherDocumentOrder, vectorNorm } from '@nlakit/nla/training';
import { tf } from '@nlakit/ops';

/** What the health figures are measured with. */
export interface ArHealthParts {
  readonly model: Model;
  readonly contract: NlaContract;
  readonly adapter: LoraAdapter;
  /** `[dModel, dModel]`, out × in. */
  readonly head: tf.Tensor2D;
  readonly examples: readonly ArExample[];
  /** The gold vector `[dModel]` of each example. */
  readonly vectors: readonly Float32Array[];
  /** Mean cosine of the best constant prediction, over the training vectors. */
  readonly rho: number;
  readonly batch: number;
}

/**
 * Figures on rows that are not trained on: `heldOutLoss = mean(2 (1 − cos))`, `cos` and `fveNrm = 1 − heldOutLoss / (1 − ρ²)` on gold
 * explanations, `shuffledLoss` and `shuffledCos` against vectors of other documents, `vectorGap`, the difference of the two losses, which is
 * what the AR knows about the row, `constantCos`, the cosine ρ that a constant reaches, `predictionRho`, which is 1 when all predictions are the
 * same, and `adapterEffect`, the largest change of a prediction's component that the adapter makes. Leaves the adapter attached.
 */
export async function arHealth(parts: ArHealthParts): Promise<Figures> {
  const { model, adapter, examples, vectors, rho } = parts;
  if (examples.length < 2) return {};
  model.adapt(adapter);
  const predictions = await predict(parts, examples);
  const order = otherDocumentOrder(examples.map(({ documentId }) => documentId));
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const cos = mean(predictions.map((prediction, place) => cosineTo(vectors[place] ?? prediction, prediction)));
  const shuffledCos = mean(predictions.map((prediction, place) => cosineTo(vectors[order[place] ?? 0] ?? prediction, prediction)));
  const rawVariance = 1 - rho * rho;

  model.adapt(null);
  const [plain] = await predict(parts, examples.slice(0, 1));
  model.adapt(adapter);
  let adapterEffect = 0;
  predictions[0]?.forEach((value, at) => {
    adapterEffect = Math.max(adapterEffect, Math.abs(value - (plain?.[at] ?? 0)));
  });
  return {
    heldOutRows: examples.length,
    heldOutLoss: 2 * (1 - cos),
    shuffledLoss: 2 * (1 - shuffledCos),
    vectorGap: 2 * (cos - shuffledCos),
    cos,
    ...(rawVariance > 0 ? { fveNrm: 1 - (2 * (1 - cos)) / rawVariance } : {}),
    shuffledCos,
    constantCos: rho,
    predictionRho: meanDirectionNorm(predictions),
    adapterEffect,
  };
}

async function predict(parts: ArHealthParts, examples: readonly ArExample[]): Promise<Float32Array[]> {
  const { model, contract, head } = parts;
  const results: Float32Array[] = [];
  for (const some of chunks(examples, parts.batch)) {
    const prompts = some.map(({ tokens }) => tokens);
    const rows = tf.tidy(() =>
      tf.matMul(lastTokenHidden(model, prompts, contract.layer, { perLayerIds: contract.perLayerIds }), head, false, true),
    );
    const data = (await rows.data()) as Float32Array;
    rows.dispose();
    some.forEach((_, place) => results.push(data.slice(place * contract.dModel, (place + 1) * contract.dModel)));
  }
  return results;
}

function meanDirectionNorm(vectors: readonly Float32Array[]): number {
  const sum = new Float64Array(vectors[0]?.length ?? 0);
  for (const vector of vectors) {
    const norm = vectorNorm(vector);
    if (norm > 0) vector.forEach((value, at) => (sum[at] = (sum[at] ?? 0) + value / norm));
  }
  return Math.sqrt(sum.reduce((squares, value) => squares + value * value, 0)) / vectors.length;
}
