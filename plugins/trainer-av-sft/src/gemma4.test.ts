import type { CheckpointEvent, NlaContract, StepEvent, TrainEvent } from '@nlakit/core';
import { tf } from '@nlakit/ops';
import { beforeAll, describe, expect, it } from 'vitest';
import { fakeContract, fakeRows, fakeStage } from '../../../packages/nla/src/__fixtures__/fake-stage.js';
import { fakeTokenizer } from '../../../packages/nla/src/__fixtures__/fake-tokenizer.js';
import { tinyModel } from '../../model-gemma4/src/testing/tiny-model.js';
import { createArTrainer } from '../../trainer-ar-sft/src/create-ar-trainer.js';
import { optionsSchema as arOptions } from '../../trainer-ar-sft/src/options.js';
import { createAvTrainer } from './create-av-trainer.js';
import { optionsSchema } from './options.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

async function stage() {
  const model = await tinyModel({ tokenizer: fakeTokenizer() });
  const dModel = model.spec.dModel;
  const layer = Math.floor((2 * model.spec.layers) / 3);
  const contract: NlaContract = {
    ...fakeContract,
    baseModel: model.spec.name,
    dModel,
    layer,
    injectionScale: Math.sqrt(dModel),
    mseScale: Math.sqrt(dModel),
  };
  const context = { ...fakeStage({ rows: fakeRows(40, dModel), heldOut: fakeRows(56, dModel).slice(40), contract }), model };
  return { context, model, layer };
}

async function collect(events: AsyncIterable<TrainEvent>) {
  const all: TrainEvent[] = [];
  for await (const event of events) all.push(event);
  const steps = all.filter((event): event is StepEvent => event.type === 'step');
  const saves = all.filter((event): event is CheckpointEvent => event.type === 'checkpoint');
  return { steps, saves };
}

const small = { steps: 6, saveEvery: 6, rank: 4, learningRate: 0.01, microBatch: 4, accumulate: 1, healthRows: 4 };

describe('on the Gemma 4 decoder', () => {
  it('a few AV steps lower the loss, reach every adapted linear and leave no tensor', async () => {
    const { context, model } = await stage();
    const before = tf.memory().numTensors;
    const recipe = optionsSchema.parse({ ...small, diversityRows: 1, acknowledgeGuard: true, allowOutOfDistributionInjection: true });
    const { steps, saves } = await collect(createAvTrainer(recipe).train(context));
    expect(steps.at(-1)?.figures.loss).toBeLessThan((steps[0]?.figures.loss ?? 0) - 0.5);
    expect(new Set(steps.map(({ figures }) => figures['tensors'])).size).toBe(1);
    expect(tf.memory().numTensors).toBe(before);
    const untouched = [...(saves[0]?.pairs ?? [])].filter(([, { b }]) => b.data.every((value) => value === 0)).map(([path]) => path);
    expect(untouched).toEqual([]);
    expect(saves[0]?.health['adapterEffect']).toBeGreaterThan(0.1);
    model.dispose();
  });

  it('a few AR steps lower the loss and adapt blocks 0 to K', async () => {
    const { context, model, layer } = await stage();
    const recipe = arOptions.parse(small);
    const { steps, saves } = await collect(createArTrainer(recipe).train(context));
    expect(steps.at(-1)?.figures.loss).toBeLessThan(steps[0]?.figures.loss ?? 0);
    const blocks = [...(saves[0]?.pairs.keys() ?? [])].map((path) => Number(/layers\.(\d+)\./.exec(path)?.[1]));
    expect(Math.max(...blocks)).toBe(layer);
    const untouched = [...(saves[0]?.pairs ?? [])].filter(([, { b }]) => b.data.every((value) => value === 0)).map(([path]) => path);
    expect(untouched).toEqual([]);
    model.dispose();
  });
});
