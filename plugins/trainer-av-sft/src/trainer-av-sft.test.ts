import '@tensorflow/tfjs-backend-cpu';
import type { CheckpointEvent, StepEvent, TrainContext, TrainerState, TrainEvent } from '@nlakit/core';
import { tf } from '@nlakit/ops';
import { beforeAll, describe, expect, it } from 'vitest';
import { createSeedStreams } from '../../../packages/run/src/seed-streams.js';
import { fakeContract, fakeRows, fakeStage } from '../../../packages/nla/src/__fixtures__/fake-stage.js';
import { createAvTrainer } from './create-av-trainer.js';
import { plugin } from './index.js';
import { optionsSchema } from './options.js';
import { responseBatch, type ResponseBatch, responseInput, responseLosses } from './response-loss.js';

const small = {
  steps: 6,
  saveEvery: 3,
  rank: 4,
  alpha: 8,
  learningRate: 0.02,
  microBatch: 4,
  accumulate: 2,
  maxLength: 64,
  healthRows: 8,
  diversityRows: 1,
};

beforeAll(async () => {
  await tf.setBackend('cpu');
});

async function collect(events: AsyncIterable<TrainEvent>): Promise<TrainEvent[]> {
  const all: TrainEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

function train(options: object, context: TrainContext, resume?: TrainerState): Promise<TrainEvent[]> {
  return collect(createAvTrainer(optionsSchema.parse({ ...small, ...options })).train(context, resume));
}

const checkpoints = (events: readonly TrainEvent[]) => events.filter((event): event is CheckpointEvent => event.type === 'checkpoint');
const steps = (events: readonly TrainEvent[]) => events.filter((event): event is StepEvent => event.type === 'step');
const withoutTime = (events: readonly TrainEvent[]) =>
  steps(events).map(({ step, figures }) => ({ step, loss: figures.loss, gradientNorm: figures.gradientNorm, tokens: figures.tokens }));

describe('plugin', () => {
  it('refuses unknown and impossible options, and fills in the rest', async () => {
    const validate = plugin.optionsSchema['~standard'].validate;
    for (const options of [{ stepz: 5 }, { steps: 0 }, { targets: '(' }, { dropout: 1 }, { preset: 'other' }]) {
      expect((await validate(options)).issues).toBeDefined();
    }
    expect(await validate({ rank: 16, preset: 'seed' })).toMatchObject({
      value: { rank: 16, alpha: 32, optimizer: 'adamw8bit', shuffleVectors: false },
    });
    expect(plugin).toMatchObject({ kind: 'trainer', name: '@nlakit/trainer-av-sft', specVersion: 'v1' });
  });
});

describe('events of a run', () => {
  it('reports guard and plan, steps, saves with health, and the end', async () => {
    const context = fakeStage();
    const events = await train({ diversityRows: 3 }, context);
    expect(events.map(({ type }) => type)).toEqual([
      'guard',
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
    const [first, second] = checkpoints(events);
    expect(first?.pairs.size).toBe(6);
    expect(first?.pairs.get('model.layers.0.self_attn.q_proj')?.a.shape).toEqual([4, 16]);
    expect(second?.health['adapterEffect']).toBeGreaterThan(0);
    expect(second?.health['heldOutRows']).toBe(8);
    expect(second?.health['explainedRows']).toBe(3);
    for (const figure of ['heldOutLoss', 'shuffledLoss', 'vectorGap', 'distinctOutputs', 'distinctPrefixes', 'emptyOutputs']) {
      expect(second?.health).toHaveProperty(figure);
    }
    const last = steps(events).at(-1)?.figures;
    for (const figure of ['learningRate', 'gradientNorm', 'updateNorm']) expect(second?.health[figure]).toBe(last?.[figure]);
    expect(second?.health).toHaveProperty('trainLossSlope');
    expect(second?.health).toHaveProperty('trainLossSlopeR2');
    expect(second?.training).toMatchObject({ steps_completed: 6, rows_seen: 48, effective_batch: 8, lr: 0.02, epoch: 1 });
    expect(context.model.adapted.at(-1)).toBeNull();
  });

  it('warns at a save of an adapter that changes nothing', async () => {
    const codes = async (learningRate: number) =>
      (await train({ learningRate, steps: 3 }, fakeStage())).flatMap((event) => (event.type === 'warning' ? [event.warning.code] : []));
    expect(await codes(1e-40)).toEqual(['W_ADAPTER_NO_EFFECT']);
    expect(await codes(0.02)).toEqual([]);
  });

  it('learns the texts and to read the vector; its content-blind twin reads nothing', async () => {
    const learning = { steps: 40, saveEvery: 40, healthRows: 16, accumulate: 1, microBatch: 8, diversityRows: 0 };
    const real = await train(learning, fakeStage());
    const blind = await train({ ...learning, shuffleVectors: true }, fakeStage());
    const losses = steps(real).map(({ figures }) => figures.loss);
    expect(losses.at(-1)).toBeLessThan((losses[0] ?? 0) / 3);
    const gap = checkpoints(real)[0]?.health['vectorGap'] ?? 0;
    expect(gap).toBeGreaterThan(0.05);
    expect(Math.abs(checkpoints(blind)[0]?.health['vectorGap'] ?? 1)).toBeLessThan(gap / 3);
  });
});

describe('loss', () => {
  const row = { tokens: Int32Array.from([2, 4, 8, 5, 6, 9, 10, 7, 1]), responseMask: Uint8Array.from([0, 0, 0, 0, 1, 1, 1, 1, 1]) };
  const short = { tokens: Int32Array.from([2, 4, 8, 5, 6, 7, 1]), responseMask: Uint8Array.from([0, 0, 0, 0, 1, 1, 1]) };

  it('looks at response tokens only, one position before each, padding or not', async () => {
    const { model } = fakeStage();
    const batch = responseBatch([row, short], 0);
    expect([...batch.positions]).toEqual([3, 4, 5, 6, 7, 12, 13, 14]);
    expect([...batch.targets]).toEqual([6, 9, 10, 7, 1, 6, 7, 1]);
    const lossesOf = (rows: ResponseBatch) => responseLosses(model, model.forward(responseInput(rows, {})), rows).data();
    const together = await lossesOf(batch);
    const alone = await lossesOf(responseBatch([short], 0));
    alone.forEach((loss, at) => expect(together[5 + at]).toBeCloseTo(loss, 5));
  });

  it('is the cross-entropy of the full logits', async () => {
    const { model } = fakeStage();
    const batch = responseBatch([row], 0);
    const losses = await responseLosses(model, model.forward(responseInput(batch, {})), batch).data();
    const { final } = model.forward({ tokens: row.tokens, batch: 1, length: row.tokens.length });
    const logits = await model.head.logits(tf.reshape<tf.Rank.R2>(final as tf.Tensor, [row.tokens.length, 16])).array();
    [4, 5, 6, 7, 8].forEach((at, place) => {
      const scores = logits[at - 1] ?? [];
      const lse = Math.log(scores.reduce((sum, score) => sum + Math.exp(score), 0));
      expect(losses[place]).toBeCloseTo(lse - (scores[row.tokens[at] ?? 0] ?? 0), 4);
    });
  });

  it('is the mean over all response tokens of a step, however it is cut into micro-batches', async () => {
    const rows = fakeRows(8).map((one, index) => ({ ...one, explanation: 'topic'.repeat((index % 4) + 1) }));
    const whole = await train({ steps: 2, microBatch: 8, accumulate: 1 }, fakeStage({ rows }));
    const cut = await train({ steps: 2, microBatch: 3, accumulate: 3 }, fakeStage({ rows: rows.slice(0, 8) }));
    const parts = await train({ steps: 2, microBatch: 2, accumulate: 4 }, fakeStage({ rows }));
    expect(cut.length).toBe(whole.length);
    steps(whole).forEach(({ figures }, at) => {
      expect(steps(parts)[at]?.figures.loss).toBeCloseTo(figures.loss, 5);
      expect(steps(parts)[at]?.figures.gradientNorm).toBeCloseTo(figures.gradientNorm, 4);
    });
  });
});

describe('rows', () => {
  it('counts held-out rows that it cannot measure', async () => {
    const heldOut = fakeRows(56)
      .slice(40)
      .map((one, index) => (index % 4 === 0 ? { ...one, explanation: 'z'.repeat(80) } : one));
    const events = await train({ steps: 3 }, fakeStage({ heldOut }));
    expect(events.find((event) => event.type === 'warning')?.warning).toMatchObject({ code: 'W_HEALTH_ROWS_LEFT_OUT' });
    expect(checkpoints(events)[0]?.training).toMatchObject({ health_rows: 4, health_rows_left_out: 4 });
  });

  it('leaves out and counts rows that are too long, and never cuts them', async () => {
    const rows = fakeRows(20).map((one, index) => (index < 3 ? { ...one, explanation: 'z'.repeat(80) } : one));
    const events = await train({ steps: 3 }, fakeStage({ rows }));
    const warning = events.find((event) => event.type === 'warning');
    expect(warning?.warning.code).toBe('W_ROWS_OVERLONG');
    expect(warning?.warning.message).toContain('3 of 20 rows');
    expect(checkpoints(events)[0]?.training).toMatchObject({ rows_overlong: 3, rows_in_training: 17 });
    await expect(train({ maxLength: 8 }, fakeStage())).rejects.toMatchObject({ code: 'E_TRAINING_NO_ROWS' });
  });

  it('sets whole documents aside where the held-out split has no explanations', async () => {
    const heldOut = fakeRows(8).map(({ explanation: _explanation, ...row }) => row);
    const events = await train({ steps: 3 }, fakeStage({ heldOut }));
    expect(events.some((event) => event.type === 'warning' && event.warning.code === 'W_HEALTH_ROWS')).toBe(true);
    expect(checkpoints(events)[0]?.training).toMatchObject({ rows_in_training: 36, health_rows: 4, health_source: 'training' });
  });

  it('injects each row its own vector, or another one’s in the twin', async () => {
    const rows = fakeRows(4);
    const injected = async (shuffleVectors: boolean | number) => {
      const context = fakeStage({ rows });
      await train({ steps: 1, saveEvery: 1, microBatch: 4, accumulate: 1, healthRows: 0, shuffleVectors }, context);
      const call = context.model.calls[0];
      return Array.from({ length: 4 }, (_, row) => {
        const vector = call?.overrides?.find((one) => one.row === row)?.vector as Float32Array;
        const length = call?.length ?? 0;
        return { topic: call?.tokens[row * length + 7], largest: vector.indexOf(Math.max(...vector)) };
      });
    };
    const own = await injected(false);
    const pairing = new Map(own.map(({ topic, largest }) => [topic, largest]));
    expect(pairing.size).toBe(4);
    for (const { topic, largest } of await injected(true)) expect(pairing.get(topic)).not.toBe(largest);
    expect((await injected(0.5)).filter(({ topic, largest }) => pairing.get(topic) !== largest)).toHaveLength(2);
  });

  it('trains on as many rows as it is told, spread over the split', async () => {
    const events = await train({ steps: 3, maxRows: 9 }, fakeStage());
    expect(checkpoints(events)[0]?.training).toMatchObject({ rows_in_training: 9 });
  });
});

describe('guard', () => {
  it('refuses a scale far from everything, and needs a word where one check fails', async () => {
    const far = { ...fakeContract, injectionScale: 20_000 };
    await expect(train({}, fakeStage({ contract: far }))).rejects.toMatchObject({ code: 'E_INJECTION_GUARD' });
    await expect(train({ acknowledgeGuard: true }, fakeStage({ contract: far }))).rejects.toMatchObject({ code: 'E_INJECTION_GUARD' });
    const events = await train({ steps: 1, allowOutOfDistributionInjection: true }, fakeStage({ contract: far }));
    expect(events.find((event) => event.type === 'guard')).toMatchObject({ override: true, guard: { verdict: 'refused' } });

    const half = { ...fakeContract, injectionScale: 8 };
    await expect(train({}, fakeStage({ contract: half }))).rejects.toMatchObject({ code: 'E_INJECTION_GUARD' });
    const acknowledged = await train({ steps: 1, acknowledgeGuard: true }, fakeStage({ contract: half }));
    expect(acknowledged.find((event) => event.type === 'guard')).toMatchObject({ override: true, guard: { verdict: 'acknowledge' } });
    expect(acknowledged.some((event) => event.type === 'warning' && event.warning.code === 'W_INJECTION_GUARD')).toBe(true);
  });
});

describe('guard on published settings', () => {
  /** A stage whose vectors have norms near `activation` and whose embedding rows all have the norm `embedding`. */
  function stageOf(scale: number, activation: number, embedding: number) {
    const random = createSeedStreams(3).stream('norms');
    const rows = fakeRows(40).map((row) => {
      const length = (activation * (1 + 0.1 * random.normal())) / Math.hypot(...row.vector);
      return { ...row, vector: row.vector.map((value) => value * length) };
    });
    const context = fakeStage({ rows, contract: { ...fakeContract, injectionScale: scale } });
    const embed = (ids: Int32Array) => Promise.resolve(new Float32Array(ids.length * 16).fill(embedding / 4));
    return { ...context, model: { ...context.model, embed } };
  }
  const run = (context: TrainContext, options: object) =>
    collect(createAvTrainer(optionsSchema.parse({ ...small, steps: 1, healthRows: 0, ...options })).train(context));
  const check = (context: TrainContext, options: object) =>
    createAvTrainer(optionsSchema.parse({ ...small, ...options })).check?.(context) ?? Promise.resolve();

  // Norms of the activations as measured by upstream; embedding rows of about 1, for Gemma times the root of the width.
  it.each([
    ['Qwen2.5-7B layer 20', 150, 125, 1],
    ['Gemma-3-12B layer 32', 80_000, 74_000, 61.97],
    ['Gemma-3-27B layer 41', 60_000, 67_000, 73.32],
    ['Llama-3.3-70B layer 53', 30, 16, 1],
  ])('%s is accepted once a person says so, and recorded', async (_, scale, activation, embedding) => {
    await expect(check(stageOf(scale, activation, embedding), {})).rejects.toMatchObject({ code: 'E_INJECTION_GUARD' });
    await expect(check(stageOf(scale, activation, embedding), { acknowledgeGuard: true })).resolves.toBeUndefined();
    const events = await run(stageOf(scale, activation, embedding), { acknowledgeGuard: true });
    expect(events[0]).toMatchObject({ type: 'guard', override: true, guard: { verdict: 'acknowledge' } });
    expect(checkpoints(events)).toHaveLength(1);
  });

  // The norm of E2B's activations at layer 23 is published nowhere: whatever it is below 6 000, its embeddings have 39.25.
  it.each([
    [20_000, 60],
    [20_000, 6_000],
    [80_000, 60],
    [80_000, 6_000],
  ])('Gemma-4-E2B with %d is refused, acknowledged or not', async (scale, activation) => {
    for (const context of [stageOf(scale, activation, 39.25), stageOf(scale, activation, 39.25)]) {
      await expect(check(context, { acknowledgeGuard: true })).rejects.toMatchObject({ code: 'E_INJECTION_GUARD' });
      await expect(run(context, { acknowledgeGuard: true })).rejects.toMatchObject({ code: 'E_INJECTION_GUARD' });
    }
    const events = await run(stageOf(scale, activation, 39.25), { allowOutOfDistributionInjection: true });
    expect(events[0]).toMatchObject({ type: 'guard', override: true, guard: { verdict: 'refused' } });
  });

  it('Gemma-4-E2B with the root of its width is accepted without a word', async () => {
    const events = await run(stageOf(39.19, 60, 39.25), {});
    expect(events[0]).toMatchObject({ type: 'guard', override: false, guard: { verdict: 'accepted' } });
  });

  it('is asked ahead of training without changing it', async () => {
    const context = fakeStage();
    const trainer = createAvTrainer(optionsSchema.parse(small));
    await trainer.check?.(context);
    expect(withoutTime(await collect(trainer.train(context)))).toEqual(withoutTime(await train({}, fakeStage())));
  });
});

describe('resume', () => {
  // A rank at which the smallest matrix is large enough for 8-bit states.
  const eightBit = { optimizer: 'adamw8bit', rank: 256, accumulate: 1, healthRows: 2 };
  const variants = [{}, { dropout: 0.2 }, { ...eightBit, shuffleVectors: true, schedule: 'cosine', warmup: 2 }];
  it.each(variants)('goes on bit for bit %j', async (options) => {
    const whole = await train(options, fakeStage());
    const half = await train(options, fakeStage({ untilStep: 2 }));
    expect(checkpoints(half)).toHaveLength(1);
    const { state, reason } = checkpoints(half)[0] ?? ({} as CheckpointEvent);
    expect(reason).toBe('interrupt');
    const stored = {
      ...state,
      cursor: JSON.parse(JSON.stringify(state.cursor)),
      streams: JSON.parse(JSON.stringify(state.streams)),
    } as TrainerState;
    const rest = await train(options, fakeStage({ seed: 1 }), stored);
    expect(withoutTime([...half, ...rest])).toEqual(withoutTime(whole));
    const ends = [whole, rest].map((events) => checkpoints(events).at(-1));
    expect(ends[1]?.pairs).toEqual(ends[0]?.pairs);
    expect(ends[1]?.state).toEqual(ends[0]?.state);
    expect(ends[1]?.training).toEqual(ends[0]?.training);
    expect(ends[1]?.health).toEqual(ends[0]?.health);
  });

  it('saves its state when it is aborted, and refuses a state of another adapter', async () => {
    const controller = new AbortController();
    const context = fakeStage({ signal: controller.signal });
    const events: TrainEvent[] = [];
    for await (const event of createAvTrainer(optionsSchema.parse(small)).train(context)) {
      events.push(event);
      if (event.type === 'step' && event.step === 2) controller.abort();
    }
    expect(events.at(-1)).toMatchObject({ type: 'checkpoint', reason: 'interrupt', step: 2 });
    const { state } = events.at(-1) as CheckpointEvent;
    await expect(train({ rank: 5 }, fakeStage(), state)).rejects.toMatchObject({ code: 'E_RESUME_STATE' });
    await expect(train({}, fakeStage(), { ...state, cursor: {} })).rejects.toMatchObject({ code: 'E_RESUME_STATE' });
  });
});

describe('steadiness', () => {
  it('skips steps that are not finite and gives up after ten in a row', async () => {
    const context = fakeStage();
    const events: TrainEvent[] = [];
    for await (const event of createAvTrainer(optionsSchema.parse({ ...small, steps: 5, saveEvery: 5, healthRows: 0 })).train(context)) {
      events.push(event);
      context.model.broken = event.type === 'step' && event.step === 2;
    }
    expect(steps(events).map(({ step }) => step)).toEqual([1, 2, 4, 5]);
    expect(events.find((event) => event.type === 'warning')).toMatchObject({ step: 3, warning: { code: 'W_GRADIENT_NOT_FINITE' } });
    expect(checkpoints(events)[0]?.training).toMatchObject({ skipped_steps: 1 });
    expect(events.at(-1)).toMatchObject({ type: 'done', figures: { skipped: 1 } });
    const broken = fakeStage();
    broken.model.broken = true;
    await expect(train({ steps: 50, healthRows: 0 }, broken)).rejects.toMatchObject({ code: 'E_TRAINING_DIVERGED' });
  });

  it('gives up at the tenth skipped step in a row, not at the ninth, and a good step starts the count anew', async () => {
    const context = fakeStage();
    const broken = new Set([...Array.from({ length: 9 }, (_, at) => 2 + at), ...Array.from({ length: 10 }, (_, at) => 12 + at)]);
    context.model.broken = false;
    const seen: number[] = [];
    const trainer = createAvTrainer(optionsSchema.parse({ ...small, steps: 30, saveEvery: 30, healthRows: 0 }));
    const all = async () => {
      for await (const event of trainer.train(context)) {
        if (event.type === 'step') seen.push(event.step);
        const step = event.type === 'step' || event.type === 'warning' ? (event.step ?? 0) : 0;
        context.model.broken = broken.has(step + 1);
      }
    };
    await expect(all()).rejects.toMatchObject({ code: 'E_TRAINING_DIVERGED', message: expect.stringContaining('step 21') as string });
    expect(seen).toEqual([1, 11]);
  });

  it('saves nothing of parameters that are lost, and states no loss for a step that had none', async () => {
    const lost = fakeStage();
    const events: TrainEvent[] = [];
    const all = async () => {
      for await (const event of createAvTrainer(optionsSchema.parse({ ...small, steps: 30, saveEvery: 4 })).train(lost)) {
        events.push(event);
        lost.model.broken ||= event.type === 'step' && event.step === 2;
      }
    };
    await expect(all()).rejects.toMatchObject({ code: 'E_TRAINING_DIVERGED', message: expect.stringContaining('step 4') as string });
    expect(checkpoints(events)).toEqual([]);

    const skipping = fakeStage();
    const saved: TrainEvent[] = [];
    for await (const event of createAvTrainer(optionsSchema.parse({ ...small, steps: 4, saveEvery: 2, healthRows: 0 })).train(skipping)) {
      saved.push(event);
      skipping.model.broken = event.type === 'step' && event.step === 3;
    }
    const [first, second] = checkpoints(saved);
    expect(Object.keys((first?.training['loss_at_saves'] ?? {}) as object)).toEqual(['2']);
    expect(Object.keys((second?.training['loss_at_saves'] ?? {}) as object)).toEqual(['2']);
    expect(first?.health).toHaveProperty('trainLoss');
    expect(second?.health).not.toHaveProperty('trainLoss');
  });

  it('keeps figures that are not finite out of a save, and says so', async () => {
    const context = fakeStage();
    const events: TrainEvent[] = [];
    for await (const event of createAvTrainer(optionsSchema.parse({ ...small, steps: 3, saveEvery: 3 })).train(context)) {
      events.push(event);
      if (event.type === 'step' && event.step === 3) context.model.broken = true;
    }
    const warning = events.find((event) => event.type === 'warning');
    expect(warning).toMatchObject({ step: 3, warning: { code: 'W_HEALTH_NOT_FINITE' } });
    const health = checkpoints(events)[0]?.health ?? {};
    expect(Object.values(health).every(Number.isFinite)).toBe(true);
    expect(health).not.toHaveProperty('heldOutLoss');
  });

  it('tells at every step how far the parameters moved', async () => {
    const events = await train({ steps: 2, saveEvery: 1, healthRows: 0, optimizer: 'adamw' }, fakeStage());
    const [first, second] = checkpoints(events);
    let squares = 0;
    for (const [path, pair] of second?.pairs ?? []) {
      for (const side of ['a', 'b'] as const)
        pair[side].data.forEach((value, at) => (squares += (value - (first?.pairs.get(path)?.[side].data[at] ?? 0)) ** 2));
    }
    expect(steps(events)[1]?.figures['updateNorm']).toBeCloseTo(Math.sqrt(squares), 10);
    expect(squares).toBeGreaterThan(0);
  });

  it('computes the same steps whether rows are sorted by length or not', async () => {
    const rows = fakeRows(8).map((one, index) => ({ ...one, explanation: 'topic'.repeat((index % 4) + 1) }));
    const options = { steps: 2, microBatch: 2, accumulate: 4, healthRows: 0 };
    const sorted = steps(await train(options, fakeStage({ rows })));
    const unsorted = steps(await train({ ...options, sortByLength: false }, fakeStage({ rows })));
    unsorted.forEach(({ figures }, at) => expect(figures.loss).toBeCloseTo(sorted[at]?.figures.loss ?? 0, 5));
    expect(unsorted[0]?.figures.tokens).toBeGreaterThan(sorted[0]?.figures.tokens ?? Infinity);
  });

  it('has the same number of live tensors at every step and none left at the end', async () => {
    const context = fakeStage();
    const before = tf.memory().numTensors;
    const events = await train({ dropout: 0.1, diversityRows: 2 }, context);
    const live = steps(events).map(({ figures }) => figures['tensors']);
    expect(new Set(live).size).toBe(1);
    expect(tf.memory().numTensors).toBe(before);
  });
});
