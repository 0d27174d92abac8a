import { type Figures, type Injector, isNlaError, type LoraAdapter, type Model, type NlaContract } from '@nlakit/core';
import { avPrompt, chunks, explainWith } from '@nlakit/nla';
import { type AvExample, otherDocumentOrder } from '@nlakit/nla/training';
import { tf } from '@nlakit/ops';
import { responseBatch, responseHidden, responseInput, responseLosses } from './response-loss.js';

/** What the health figures are measured with. */
export interface AvHealthParts {
  readonly model: Model;
  readonly injector: Injector;
  readonly contract: NlaContract;
  readonly adapter: LoraAdapter;
  readonly examples: readonly AvExample[];
  /** One vector `[dModel]` for each example. */
  readonly vectors: readonly Float32Array[];
  readonly batch: number;
  readonly diversityRows: number;
}

/** Characters by which SolshineCode's gate tells outputs apart: at least 3 different beginnings among 10 rows. */
const prefixLength = 60;

/** Rows of logits compared with and without adapter. */
const comparedRows = 8;

/**
 * Figures on rows that are not trained on: `heldOutLoss` (nats per response token), the same with the vectors of other documents
 * (`shuffledLoss`), their difference `vectorGap`, which is what the AV gets from the vector, and `adapterEffect`, the largest change of a
 * logit that the adapter makes. With `diversityRows`, also `distinctOutputs`, `distinctPrefixes` (of 60 characters: an AV
 * that ignores its vector writes one template) and `emptyOutputs` of that many greedy explanations, of the same rows at every save.
 * Leaves the adapter attached.
 */
export async function avHealth(parts: AvHealthParts): Promise<Figures> {
  const { model, adapter, examples, vectors } = parts;
  if (examples.length < 2) return {};
  model.adapt(adapter);
  const order = otherDocumentOrder(examples.map(({ documentId }) => documentId));
  const heldOutLoss = await meanLoss(parts, vectors);
  const shuffledLoss = await meanLoss(
    parts,
    order.map((from) => vectors[from] ?? new Float32Array()),
  );
  const adapterEffect = await effectOf(parts);
  const diversity = parts.diversityRows > 0 ? await outputDiversity(parts) : {};
  model.adapt(adapter);
  return { heldOutRows: examples.length, heldOutLoss, shuffledLoss, vectorGap: shuffledLoss - heldOutLoss, adapterEffect, ...diversity };
}

async function meanLoss(parts: AvHealthParts, vectors: readonly Float32Array[]): Promise<number> {
  const { model, contract } = parts;
  let sum = 0;
  let tokens = 0;
  const places = parts.examples.map((_, place) => place);
  for (const some of chunks(places, parts.batch)) {
    const batch = batchOf(parts, some);
    const overrides = overridesOf(parts, batch, some, vectors);
    const input = responseInput(batch, { overrides, perLayerIds: contract.perLayerIds });
    const losses = tf.tidy(() => responseLosses(model, model.forward(input), batch));
    for (const value of await losses.data()) sum += value;
    losses.dispose();
    tokens += batch.targets.length;
  }
  return sum / tokens;
}

async function effectOf(parts: AvHealthParts): Promise<number> {
  const { model, contract, adapter } = parts;
  const batch = batchOf(parts, [0]);
  const overrides = overridesOf(parts, batch, [0], parts.vectors);
  const logits = async () => {
    const rows = tf.tidy(() => {
      const hidden = responseHidden(model.forward(responseInput(batch, { overrides, perLayerIds: contract.perLayerIds })), batch);
      return model.head.logits(tf.slice(hidden, [0, 0], [Math.min(comparedRows, hidden.shape[0]), -1]));
    });
    const data = (await rows.data()) as Float32Array;
    rows.dispose();
    return data;
  };
  const withAdapter = await logits();
  model.adapt(null);
  const without = await logits();
  model.adapt(adapter);
  let largest = 0;
  withAdapter.forEach((value, index) => {
    largest = Math.max(largest, Math.abs(value - (without[index] ?? 0)));
  });
  return largest;
}

async function outputDiversity(parts: AvHealthParts): Promise<Figures> {
  const prompt = avPrompt(parts.contract, parts.model.tokenizer);
  const longest = parts.examples.reduce((most, { responseTokens }) => Math.max(most, responseTokens), 0);
  let explanations: Awaited<ReturnType<typeof explainWith>>;
  try {
    explanations = await explainWith({ ...parts, prompt }, parts.vectors.slice(0, parts.diversityRows), {
      maxNewTokens: longest + 8,
      batch: parts.batch,
    });
  } catch (error) {
    // Logits that are not finite: the save warns of it, and must not be lost to a figure about it.
    if (isNlaError(error) && error.code === 'E_GENERATE_VALUE') return { distinctOutputs: Number.NaN };
    throw error;
  }
  return {
    explainedRows: explanations.length,
    distinctOutputs: new Set(explanations.map(({ text }) => text)).size,
    distinctPrefixes: new Set(explanations.map(({ text }) => text.slice(0, prefixLength))).size,
    emptyOutputs: explanations.filter(({ explanation }) => explanation === null || explanation === '').length,
  };
}

function batchOf(parts: AvHealthParts, places: readonly number[]) {
  return responseBatch(
    places.flatMap((place) => parts.examples[place] ?? []),
    parts.model.tokenizer.padId,
  );
}

function overridesOf(parts: AvHealthParts, batch: ReturnType<typeof batchOf>, places: readonly number[], vectors: readonly Float32Array[]) {
  const { injector, contract } = parts;
  const stacked = new Float32Array(places.length * contract.dModel);
  places.forEach((place, row) => stacked.set(vectors[place] ?? new Float32Array(), row * contract.dModel));
  return injector.apply(injector.locate(batch.tokens, batch.batch, contract.tokens), stacked, contract.injectionScale);
}
