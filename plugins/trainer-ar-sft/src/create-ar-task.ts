import type { TrainContext } from '@nlakit/core';
import { lastTokenPass } from '@nlakit/nla';
import {
  adapterPairs,
  buildArExample,
  createTrainable,
  createVectorSource,
  cyclicPermutation,
  initialAdapter,
  readParentAdapter,
  readStageRows,
  type SftStreams,
  type SftTask,
  trainedAdapter,
} from '@nlakit/nla/training';
import { tf } from '@nlakit/ops';
import { arHealth } from './ar-health.js';
import { arParentExpectation } from './ar-parent-expectation.js';
import { directionLosses } from './direction-loss.js';
import { initialHead } from './initial-head.js';
import type { ArSftRecipe } from './options.js';

/**
 * Reads the rows, makes adapter and value head and ties them to the model: blocks 0 to K, the residual stream at the last token of the AR
 * prompt, no final norm, a linear head without bias that starts as the identity (or all as the parent left it). Linears behind block K are never reached and get no adapter.
 */
export async function createArTask(recipe: ArSftRecipe, context: TrainContext, streams: SftStreams, baseFolder: string): Promise<SftTask> {
  const { model, contract } = context;
  const { dModel, layer } = contract;
  const parent = await readParentAdapter(arParentExpectation(recipe, context), baseFolder);
  const startingHead = await initialHead(dModel, parent);
  const rows = await readStageRows({
    dataset: context.dataset,
    folder: context.dataFolder,
    split: 'arSft',
    build: (row) => buildArExample(row, contract, model.tokenizer),
    maxLength: recipe.maxLength,
    maxRows: recipe.maxRows,
    healthRows: recipe.healthRows,
    signal: context.signal,
  });
  const indices = rows.examples.map(({ index }) => index);
  const exchange = recipe.shuffleTargets ? cyclicPermutation(indices.length, streams.shuffle) : undefined;
  const targetOf = (place: number): number => indices[exchange?.[place] ?? place] ?? 0;
  const vectors = createVectorSource(rows.split, dModel);

  const healthExamples = rows.health.examples.map(({ example }) => example);
  const stacked = await createVectorSource(rows.health.split, dModel).read(rows.health.examples.map(({ index }) => index));
  const healthVectors = healthExamples.map((_, place) => stacked.slice(place * dModel, (place + 1) * dModel));

  const initial = initialAdapter(recipe, model.spec, layer + 1, streams.init, parent);
  const trainable = createTrainable(initial.tensors);
  const adapter = trainedAdapter(initial.spec, trainable);
  const head = createTrainable(new Map([['weight', startingHead]]));
  const headWeight = head.variables.get('weight') as unknown as tf.Tensor2D;
  return {
    lengths: rows.examples.map(({ example }) => example.tokens.length),
    units: rows.examples.map(() => 1),
    lora: initial.spec,
    groups: new Map([
      ['adapter', { trainable, learningRateFactor: 1 }],
      ['value_head', { trainable: head, learningRateFactor: recipe.headLearningRate / recipe.learningRate }],
    ]),
    blocks: layer + 1,
    warnings: [...(parent?.warnings ?? []), ...rows.warnings],
    ...(parent === undefined ? {} : { parent: parent.record }),
    attach: () => {
      model.adapt(adapter);
    },
    async microBatch(places) {
      const prompts = places.map((place) => rows.examples[place]?.example.tokens ?? new Int32Array());
      const values = await vectors.read(places.map(targetOf));
      const dropout = recipe.dropout > 0 ? { dropout: streams.dropout } : {};
      const { input, select } = lastTokenPass(prompts, layer, {
        padId: model.tokenizer.padId,
        perLayerIds: contract.perLayerIds,
        ...dropout,
      });
      return {
        tokens: input.batch * input.length,
        input,
        loss: (output) =>
          tf.tidy(() => {
            const predicted = tf.matMul(select(output), headWeight, false, true);
            return tf.sum(directionLosses(predicted as tf.Tensor2D, tf.tensor2d(values, [prompts.length, dModel]), contract.mseScale));
          }),
      };
    },
    health: () =>
      arHealth({
        model,
        contract,
        adapter,
        head: headWeight,
        examples: healthExamples,
        vectors: healthVectors,
        rho: rows.rho,
        batch: recipe.microBatch,
      }),
    pairs: () => adapterPairs(trainable),
    extra: () => new Map([['value_head', head.snapshot()]]),
    facts: {
      loss_type: contract.mseScale === null ? 'mse' : 'direction_mse',
      head_lr: recipe.headLearningRate,
      shuffle_targets: recipe.shuffleTargets,
      rows_overlong: rows.overlong.length,
      rows_unlabelled: rows.unlabelled,
      health_rows_left_out: rows.health.leftOut,
      health_rows: healthExamples.length,
      health_source: rows.health.source,
    },
    dispose() {
      trainable.dispose();
      head.dispose();
    },
  };
}
