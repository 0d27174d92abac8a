import '@tensorflow/tfjs-backend-cpu';
import { readFileSync } from 'node:fs';
import { targetsOf } from '@nlakit/lora';
import { tf } from '@nlakit/ops';
import { createSchedule } from '@nlakit/optim';
import { beforeAll, describe, expect, it } from 'vitest';
import { createSeedStreams } from '../../../run/src/seed-streams.js';
import { fakeModel } from '../__fixtures__/fake-model.js';
import { fakeContract, fakeRows } from '../__fixtures__/fake-stage.js';
import { fakeTokenizer } from '../__fixtures__/fake-tokenizer.js';
import { buildArExample } from './ar-example.js';
import { buildAvExample } from './av-example.js';
import { cyclicPermutation, exchangedPlaces } from './cyclic-permutation.js';
import { createDataOrder } from './data-order.js';
import { createGradientSum } from './gradient-sum.js';
import { lossAndGradients } from './loss-and-gradients.js';
import { otherDocumentOrder } from './other-document-order.js';
import { attentionTargets, defaultTargets, resolveRecipe } from './sft-options.js';
import { linearTrend, summarize } from './summarize.js';
import { createTrainable } from './trainable.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const tokenizer = fakeTokenizer();
const row = { ...fakeRows(1)[0], id: 'r', documentId: 'd', vector: new Float32Array(16), rawTokens: 1, explanation: 'topic: food' };

describe('examples', () => {
  it('put the response behind the prompt, with tags and EOS', () => {
    const example = buildAvExample(row, fakeContract, tokenizer);
    expect(tokenizer.decode(example.tokens)).toBe('<bos><concept>㊗</concept><explanation>topic: food</explanation><eos>');
    expect([...example.responseMask]).toEqual([0, 0, 0, 0, 1, 1, 1, 1, 1, 1]);
    expect(example).toMatchObject({ slot: 2, responseTokens: 6 });
  });

  it('keep the newlines that the dataset has around an explanation', () => {
    const example = buildAvExample({ ...row, explanation: '\ntopic\n' }, fakeContract, tokenizer);
    expect(tokenizer.decode(example.tokens)).toContain('<explanation>\ntopic\n</explanation><eos>');
    expect(tokenizer.decode(buildArExample({ ...row, explanation: '\ntopic\n' }, fakeContract, tokenizer).tokens)).toBe(
      '<bos><explanation>topic</explanation><concept>',
    );
  });

  it('do not open the tag twice', () => {
    const contract = { ...fakeContract, templates: { ...fakeContract.templates, av: `${fakeContract.templates.av}\n<explanation>\n` } };
    const example = buildAvExample(row, contract, tokenizer);
    expect(tokenizer.decode(example.tokens)).toBe('<bos><concept>㊗</concept>\n<explanation>\ntopic: food</explanation><eos>');
    expect([...example.responseMask].indexOf(1)).toBe(7);
  });

  it('need an explanation', () => {
    const { explanation: _explanation, ...unlabelled } = row;
    expect(() => buildAvExample(unlabelled, fakeContract, tokenizer)).toThrow(/no explanation/);
    expect(() => buildArExample(unlabelled, fakeContract, tokenizer)).toThrow(/no explanation/);
  });
});

describe('createDataOrder', () => {
  it('gives every row once an epoch, shuffled anew', () => {
    const order = createDataOrder(5, createSeedStreams(3).stream('o'));
    const epochs = [order.next(5), order.next(5), order.next(5)];
    for (const epoch of epochs) expect([...epoch].sort()).toEqual([0, 1, 2, 3, 4]);
    expect(new Set(epochs.map(String)).size).toBeGreaterThan(1);
  });

  it.each([0, 1, 4, 5, 7, 12])('goes on from its cursor after %i rows, across epochs', (taken) => {
    const first = createDataOrder(5, createSeedStreams(3).stream('o'));
    first.next(taken);
    const cursor = first.cursor();
    const second = createDataOrder(5, createSeedStreams(99).stream('other'), cursor);
    expect(second.next(13)).toEqual(first.next(13));
    expect(second.cursor()).toEqual(first.cursor());
  });
});

describe('exchanges of rows', () => {
  it.each([2, 3, 10, 101])('leave none of %i rows in its place', (count) => {
    const order = cyclicPermutation(count, createSeedStreams(5).stream('p'));
    expect([...order].sort((one, other) => one - other)).toEqual(Array.from({ length: count }, (_, index) => index));
    expect(order.some((from, to) => from === to)).toBe(false);
  });

  it.each([
    [100, 0, 0],
    [100, 0.01, 0],
    [100, 0.25, 25],
    [7, 0.5, 4],
    [100, 1, 100],
  ])('of %i rows by a share of %f move %i of them among themselves, each once', (count, share, moved) => {
    const places = exchangedPlaces(count, share, createSeedStreams(5).stream('p'));
    expect(places.size).toBe(moved);
    expect([...places.values()].sort()).toEqual([...places.keys()].sort());
    for (const [to, from] of places) expect(from).not.toBe(to);
  });

  it('by a share of 1 are the permutation of all rows', () => {
    const places = exchangedPlaces(50, 1, createSeedStreams(5).stream('p'));
    expect([...places.values()]).toEqual(cyclicPermutation(50, createSeedStreams(5).stream('p')));
  });

  it('pair rows with those of other documents', () => {
    const documents = Array.from({ length: 12 }, (_, index) => `d${Math.floor(index / 3)}`);
    const order = otherDocumentOrder(documents);
    expect(new Set(order).size).toBe(12);
    order.forEach((from, to) => expect(documents[from]).not.toBe(documents[to]));
  });
});

describe('lossAndGradients', () => {
  it('gives value and gradients, zeros where the loss does not reach, and leaves no tensor', async () => {
    const variables = new Map([
      ['x', tf.variable(tf.tensor1d([1, 2]))],
      ['unused', tf.variable(tf.tensor1d([5, 6, 7]))],
    ]);
    const pass = {
      input: { tokens: Int32Array.of(1, 2), batch: 1, length: 2 },
      loss: () => tf.tidy(() => tf.sum<tf.Scalar>(tf.square(variables.get('x') as tf.Tensor))),
    };
    const model = fakeModel();
    const before = tf.memory().numTensors;
    const { loss, gradients } = await lossAndGradients(model, variables, pass);
    expect(loss).toBe(5);
    expect([...(gradients.get('x') ?? [])]).toEqual([2, 4]);
    expect([...(gradients.get('unused') ?? [])]).toEqual([0, 0, 0]);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('adds to the sum of earlier passes, in host memory', async () => {
    const x = tf.variable(tf.tensor1d([1, 2]));
    const pass = (factor: number) => ({
      input: { tokens: Int32Array.of(1, 2), batch: 1, length: 2 },
      loss: () => tf.tidy(() => tf.mul<tf.Scalar>(tf.sum(tf.square(x)), factor)),
    });
    const sum = createGradientSum();
    const variables = new Map([['x', x]]);
    for (const factor of [1, 10]) await lossAndGradients(fakeModel(), variables, pass(factor), false, sum);
    expect([...(sum.total.get('x') ?? [])]).toEqual([22, 44]);
    sum.clear();
    expect(sum.total.size).toBe(0);
    await lossAndGradients(fakeModel(), variables, pass(1), false, sum);
    expect([...(sum.total.get('x') ?? [])]).toEqual([2, 4]);
  });

  it('gives zeros where only an earlier step has reached', async () => {
    const sum = createGradientSum();
    await sum.add('x', tf.tensor1d([1, 2]));
    sum.clear();
    sum.addNothing('x', 2);
    expect([...(sum.total.get('x') ?? [])]).toEqual([0, 0]);
    await sum.add('x', tf.tensor1d([3, 5]));
    sum.addNothing('x', 2);
    expect([...(sum.total.get('x') ?? [])]).toEqual([3, 5]);
  });
});

describe('createTrainable', () => {
  it('uploads what the optimizer wrote, and snapshots are independent', async () => {
    const initial = new Map([['w', { shape: [2], data: Float32Array.from([1, 2]) }]]);
    const trainable = createTrainable(initial);
    const snapshot = trainable.snapshot();
    trainable.host.get('w')?.set([7, 8]);
    expect([...((await trainable.variables.get('w')?.data()) ?? [])]).toEqual([1, 2]);
    trainable.upload();
    expect([...((await trainable.variables.get('w')?.data()) ?? [])]).toEqual([7, 8]);
    expect([...(snapshot.get('w')?.data ?? [])]).toEqual([1, 2]);
    trainable.dispose();
  });
});

describe('resolveRecipe', () => {
  const common = { weightDecay: 0, betas: [0.9, 0.999], sortByLength: true, healthRows: 64, clipNorm: 1, from: null, maxRows: null };
  const seed = {
    ...common,
    preset: 'seed',
    saveEvery: 50,
    rank: 64,
    alpha: 128,
    dropout: 0.05,
    rankStabilized: false,
    optimizer: 'adamw8bit',
    learningRate: 1e-4,
    schedule: 'constant',
    warmup: 0,
    finalFraction: 0,
    microBatch: 1,
    accumulate: 16,
    maxLength: 512,
    checkpointActivations: true,
  };
  const upstream = {
    ...common,
    preset: 'upstream',
    steps: 1000,
    saveEvery: 500,
    rank: 128,
    alpha: 16,
    dropout: 0,
    targets: attentionTargets,
    rankStabilized: true,
    optimizer: 'adamw',
    learningRate: 2e-5,
    schedule: 'cosine',
    warmup: 50,
    finalFraction: 0.1,
    maxLength: 1024,
    checkpointActivations: 'auto',
  };

  // Every field: a preset that leaves one to the defaults changes with them.
  it.each([
    ['av', 'seed', { ...seed, steps: 500, targets: defaultTargets }],
    ['ar', 'seed', { ...seed, steps: 15, targets: attentionTargets }],
    ['av', 'upstream', { ...upstream, microBatch: 16, accumulate: 16 }],
    ['ar', 'upstream', { ...upstream, microBatch: 64, accumulate: 4 }],
  ] as const)('%s: the preset %s is the published recipe', (role, preset, recipe) => {
    expect(resolveRecipe({ preset }, role)).toEqual(recipe);
  });

  it('lets options override preset, and preset defaults', () => {
    expect(resolveRecipe({}, 'av')).toMatchObject({ steps: 500, saveEvery: 50, rank: 64, alpha: 128, optimizer: 'adamw', preset: null });
    expect(resolveRecipe({ preset: 'upstream', steps: 7, schedule: 'constant', targets: ['q_proj'] }, 'av')).toEqual({
      ...resolveRecipe({ preset: 'upstream' }, 'av'),
      steps: 7,
      schedule: 'constant',
      targets: ['q_proj'],
    });
    expect(resolveRecipe({ preset: 'upstream', rank: 8 }, 'av')).toMatchObject({ rank: 8, alpha: 16 });
    expect(resolveRecipe({ preset: 'seed', rank: 80 }, 'av')).toMatchObject({ rank: 80, alpha: 160 });
    expect(resolveRecipe({ rank: 16 }, 'av')).toMatchObject({ rank: 16, alpha: 32 });
  });

  it('warms up over 50 steps and ends at a tenth', () => {
    const rate = createSchedule(resolveRecipe({ preset: 'upstream' }, 'ar'));
    expect(rate(1)).toBeCloseTo(2e-5 / 50, 12);
    expect(rate(50)).toBeCloseTo(2e-5, 12);
    expect(rate(1000)).toBeCloseTo(2e-6, 12);
  });

  it('targets in Gemma 4 E2B what the published adapters target', () => {
    const names = JSON.parse(
      readFileSync(new URL('../../../lora/src/__fixtures__/gemma4_linear_names.json', import.meta.url), 'utf8'),
    ) as string[];
    const linears = new Map(names.map((name) => [name, [1, 1] as const]));
    const all = 'model\\.language_model\\.layers\\.\\d+\\.(self_attn|mlp)\\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)';
    const attention = 'model\\.language_model\\.layers\\.\\d+\\.self_attn\\.(q_proj|k_proj|v_proj|o_proj)';
    for (const [role, targets] of [
      ['av', all],
      ['ar', attention],
    ] as const) {
      const published = targetsOf({ targets }, linears);
      expect(published.length).toBeGreaterThan(0);
      expect(targetsOf(resolveRecipe({ preset: 'seed' }, role), linears)).toEqual(published);
    }
  });

  it('targets the text blocks under both prefixes and no tower', () => {
    const whole = new RegExp(`^(?:${defaultTargets})$`);
    expect(whole.test('model.language_model.layers.3.self_attn.q_proj')).toBe(true);
    expect(whole.test('model.layers.11.mlp.down_proj')).toBe(true);
    expect(whole.test('model.vision_tower.layers.3.self_attn.q_proj')).toBe(false);
    expect(whole.test('model.language_model.layers.3.per_layer_input_gate')).toBe(false);
  });
});

describe('statistics', () => {
  it('summarize a sample', () => {
    expect(summarize([4, 1, 3, 2])).toMatchObject({ count: 4, mean: 2.5, median: 2.5, minimum: 1, maximum: 4 });
    expect(summarize([4, 1, 3]).median).toBe(3);
  });

  it('fit a line', () => {
    expect(linearTrend([5, 3, 1])).toEqual({ slope: -2, rSquared: 1 });
    expect(linearTrend([1, 1])).toEqual({ slope: 0, rSquared: 0 });
  });
});
