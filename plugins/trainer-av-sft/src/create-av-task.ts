import type { TrainContext } from '@nlakit/core';
import {
  adapterPairs,
  createTrainable,
  createVectorSource,
  exchangedPlaces,
  initialAdapter,
  readParentAdapter,
  type SftStreams,
  type SftTask,
  trainedAdapter,
} from '@nlakit/nla/training';
import { tf } from '@nlakit/ops';
import { avHealth } from './av-health.js';
import { avParentExpectation } from './av-parent-expectation.js';
import type { AvSftRecipe } from './options.js';
import { readAvRows } from './read-av-rows.js';
import { responseBatch, responseInput, responseLosses } from './response-loss.js';

/** The AV task and what its guard needs to see. */
export interface AvTask extends SftTask {
  /** Norms of the training vectors. */
  readonly norms: readonly number[];
}

/** Reads the rows, makes the adapter and ties both to the model: loss on response tokens, vectors injected at the marker. */
export async function createAvTask(recipe: AvSftRecipe, context: TrainContext, streams: SftStreams, baseFolder: string): Promise<AvTask> {
  const { model, injector, contract } = context;
  const { tokenizer } = model;
  const parent = await readParentAdapter(avParentExpectation(recipe, context), baseFolder);
  const rows = await readAvRows(recipe, context);
  const indices = rows.examples.map(({ index }) => index);
  const exchange = exchangedPlaces(indices.length, Number(recipe.shuffleVectors), streams.shuffle);
  const vectorOf = (place: number): number => indices[exchange.get(place) ?? place] ?? 0;
  const vectors = createVectorSource(rows.split, contract.dModel);

  const healthExamples = rows.health.examples.map(({ example }) => example);
  const stacked = await createVectorSource(rows.health.split, contract.dModel).read(rows.health.examples.map(({ index }) => index));
  const healthVectors = healthExamples.map((_, place) => stacked.slice(place * contract.dModel, (place + 1) * contract.dModel));

  const initial = initialAdapter(recipe, model.spec, model.spec.layers, streams.init, parent);
  const trainable = createTrainable(initial.tensors);
  const adapter = trainedAdapter(initial.spec, trainable);
  return {
    norms: rows.norms,
    lengths: rows.examples.map(({ example }) => example.tokens.length),
    units: rows.examples.map(({ example }) => example.responseTokens),
    lora: initial.spec,
    groups: new Map([['adapter', { trainable, learningRateFactor: 1 }]]),
    blocks: model.spec.layers,
    warnings: [...(parent?.warnings ?? []), ...rows.warnings],
    ...(parent === undefined ? {} : { parent: parent.record }),
    attach: () => {
      model.adapt(adapter);
    },
    async microBatch(places) {
      const batch = responseBatch(
        places.flatMap((place) => rows.examples[place]?.example ?? []),
        tokenizer.padId,
      );
      const values = await vectors.read(places.map(vectorOf));
      const overrides = injector.apply(injector.locate(batch.tokens, batch.batch, contract.tokens), values, contract.injectionScale);
      const dropout = recipe.dropout > 0 ? { dropout: streams.dropout } : {};
      return {
        tokens: batch.batch * batch.length,
        input: responseInput(batch, { overrides, perLayerIds: contract.perLayerIds, ...dropout }),
        loss: (output) => tf.tidy(() => tf.sum(responseLosses(model, output, batch))),
      };
    },
    health: () =>
      avHealth({
        model,
        injector,
        contract,
        adapter,
        examples: healthExamples,
        vectors: healthVectors,
        batch: recipe.microBatch,
        diversityRows: recipe.diversityRows,
      }),
    pairs: () => adapterPairs(trainable),
    extra: () => new Map(),
    facts: {
      loss_type: 'cross_entropy_per_response_token',
      shuffle_vectors: recipe.shuffleVectors,
      rows_overlong: rows.overlong.length,
      rows_unlabelled: rows.unlabelled,
      health_rows_left_out: rows.health.leftOut,
      health_rows: healthExamples.length,
      health_source: rows.health.source,
    },
    dispose: () => {
      trainable.dispose();
    },
  };
}
