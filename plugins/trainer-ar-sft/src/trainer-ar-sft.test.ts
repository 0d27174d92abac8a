import '@tensorflow/tfjs-backend-cpu';
import type { CheckpointEvent, StepEvent, TrainContext, TrainerState, TrainEvent } from '@nlakit/core';
import { tf } from '@nlakit/ops';
import { beforeAll, describe, expect, it } from 'vitest';
import { targetsOf } from '../../../packages/lora/src/targets.js';
import { fakeContract, fakeRows, fakeStage } from '../../../packages/nla/src/__fixtures__/fake-stage.js';
import { createArTrainer } from './create-ar-trainer.js';
import { directionLosses } from './direction-loss.js';
import { optionsSchema } from './options.js';

const small = { steps: 6, saveEvery: 3, rank: 4, alpha: 8, learningRate: 0.02, microBatch: 4, accumulate: 2, maxLength: 64, healthRows: 8 };

beforeAll(async () => {
  await tf.setBackend('cpu');
});

async function train(options: object, context: TrainContext, resume?: TrainerState): Promise<TrainEvent[]> {
  const all: TrainEvent[] = [];
  for await (const event of createArTrainer(optionsSchema.parse({ ...small, ...options })).train(context, resume)) all.push(event);
  return all;
}

const checkpoints = (events: readonly TrainEvent[]) => events.filter((event): event is CheckpointEvent => event.type === 'checkpoint');
const steps = (events: readonly TrainEvent[]) => events.filter((event): event is StepEvent => event.type === 'step');

/** The loss in float64, straight from its definition. */
function referenceLoss(predicted: readonly number[], target: readonly number[], scale: number): number {
  const norm = (row: readonly number[]) => Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
  const p = norm(predicted);
  const t = norm(target);
  return predicted.reduce((sum, value, at) => sum + ((scale * value) / p - (scale * (target[at] ?? 0)) / t) ** 2, 0) / predicted.length;
}

describe('directionLosses', () => {
  const predicted = [
    [3, -1, 2, 0.5],
    [10, 20, -5, 1],
  ];
  const target = [
    [1, 1, 4, -2],
    [0.1, -0.2, 0.3, 0.4],
  ];
  const cosine = (row: number) => 1 - referenceLoss(predicted[row] ?? [], target[row] ?? [], 2) / 2;

  it('is 2 (1 − cos) at scale √d, whatever the lengths', async () => {
    const losses = await directionLosses(tf.tensor2d(predicted), tf.tensor2d(target), 2).data();
    const longer = await directionLosses(
      tf.tensor2d(predicted.map((row) => row.map((value) => 100 * value))),
      tf.tensor2d(target),
      2,
    ).data();
    [0, 1].forEach((row) => {
      expect(losses[row]).toBeCloseTo(2 * (1 - cosine(row)), 5);
      expect(longer[row]).toBeCloseTo(losses[row] ?? 0, 5);
    });
    const plain = await directionLosses(tf.tensor2d(predicted), tf.tensor2d(target), null).data();
    expect(plain[0]).toBeCloseTo((4 + 4 + 4 + 6.25) / 4, 5);
  });

  it('has the gradient of float64 differences', async () => {
    const gradient = tf.grad((x) => tf.sum(directionLosses(x as tf.Tensor2D, tf.tensor2d(target), 2)))(tf.tensor2d(predicted));
    const values = (await gradient.array()) as number[][];
    predicted.forEach((row, at) =>
      row.forEach((value, component) => {
        const moved = (by: number) => referenceLoss(row.with(component, value + by), target[at] ?? [], 2);
        expect(values[at]?.[component]).toBeCloseTo((moved(1e-5) - moved(-1e-5)) / 2e-5, 5);
      }),
    );
  });

  it('stays finite for a zero prediction', async () => {
    const gradient = tf.grad((x) => tf.sum(directionLosses(x as tf.Tensor2D, tf.tensor2d([[1, 2]]), 1)))(tf.tensor2d([[0, 0]]));
    expect((await gradient.data()).every(Number.isFinite)).toBe(true);
  });
});

describe('events of a run', () => {
  it('trains blocks 0 to K only, with a head that starts as the identity', async () => {
    const context = fakeStage();
    const events = await train({ learningRate: 1e-3, headLearningRate: 1e-9 }, context);
    expect(events.map(({ type }) => type)).toEqual([
      'plan',
      'step',
      'step',
      'step',
      'checkpoint',
      'step',
      'step',
      'step',
      'checkpoint',
      'done',
    ]);
    const [first] = checkpoints(events);
    expect([...(first?.pairs.keys() ?? [])].every((path) => /layers\.[01]\./.test(path))).toBe(true);
    expect(first?.pairs.size).toBe(4);
    // PEFT reads the targets against the whole model: whatever they match beyond the adapted linears would be missing from the file.
    expect(targetsOf(first?.lora ?? { targets: '' }, context.model.spec.linears)).toEqual([...(first?.pairs.keys() ?? [])]);
    const head = first?.extra.get('value_head')?.get('weight');
    expect(head?.shape).toEqual([16, 16]);
    head?.data.forEach((value, at) => expect(value).toBeCloseTo(at % 17 === 0 ? 1 : 0, 6));
    expect(context.model.calls.every((call) => call.stopAfterBlock === 1 && call.final === false)).toBe(true);
    expect(first?.health['adapterEffect']).toBeGreaterThanOrEqual(0);
  });

  it('learns to read the text; with permuted targets it beats no constant', async () => {
    const learning = { steps: 80, saveEvery: 80, microBatch: 8, accumulate: 1, healthRows: 16 };
    const real = checkpoints(await train(learning, fakeStage()))[0]?.health;
    expect(real?.['fveNrm']).toBeGreaterThan(0.5);
    expect(real?.['cos']).toBeGreaterThan(real?.['shuffledCos'] ?? 1);
    const control = checkpoints(await train({ ...learning, shuffleTargets: true }, fakeStage()))[0]?.health;
    expect(control?.['fveNrm']).toBeLessThan(0.1);
  });

  it('reads the last token of each prompt, however rows are padded', async () => {
    const rows = fakeRows(8).map((row, index) => ({ ...row, explanation: 'topic'.repeat((index % 4) + 1) }));
    const together = await train({ steps: 2, microBatch: 8, accumulate: 1 }, fakeStage({ rows }));
    const apart = await train({ steps: 2, microBatch: 1, accumulate: 8 }, fakeStage({ rows }));
    steps(together).forEach(({ figures }, at) => expect(steps(apart)[at]?.figures.loss).toBeCloseTo(figures.loss, 5));
  });

  it('trains the head at its own rate', async () => {
    const rate = async (headLearningRate: number) => {
      const events = await train({ steps: 1, saveEvery: 1, headLearningRate }, fakeStage());
      return checkpoints(events)[0]?.extra.get('value_head')?.get('weight')?.data[1] ?? 0;
    };
    expect(Math.abs(await rate(0.01))).toBeCloseTo(0.01, 4);
    expect(Math.abs(await rate(0.001))).toBeCloseTo(0.001, 5);
  });
});

describe('steadiness', () => {
  it.each([{}, { dropout: 0.2, optimizer: 'adamw8bit', shuffleTargets: true }])('resumes bit for bit %j', async (options) => {
    const whole = await train(options, fakeStage());
    const half = await train(options, fakeStage({ untilStep: 4 }));
    const rest = await train(options, fakeStage(), checkpoints(half).at(-1)?.state);
    const ends = [whole, rest].map((events) => checkpoints(events).at(-1));
    expect(ends[1]?.pairs).toEqual(ends[0]?.pairs);
    expect(ends[1]?.extra).toEqual(ends[0]?.extra);
    expect(ends[1]?.state).toEqual(ends[0]?.state);
    expect(ends[1]?.training).toEqual(ends[0]?.training);
  });

  it('has the same number of live tensors at every step and none left at the end', async () => {
    const context = fakeStage();
    const before = tf.memory().numTensors;
    const live = steps(await train({ dropout: 0.1 }, context)).map(({ figures }) => figures['tensors']);
    expect(new Set(live).size).toBe(1);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('takes a null scale as the plain squared error', async () => {
    const events = await train({ steps: 1 }, fakeStage({ contract: { ...fakeContract, mseScale: null } }));
    expect(checkpoints(events)[0]?.training).toMatchObject({ loss_type: 'mse' });
  });
});
