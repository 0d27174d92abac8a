import '@tensorflow/tfjs-backend-cpu';
import { tf } from '@nlakit/ops';
import { beforeAll, describe, expect, it } from 'vitest';
import { createSeedStreams } from '../../../run/src/seed-streams.js';
import { fakeModel } from '../__fixtures__/fake-model.js';
import { fakeContract, fakeRows } from '../__fixtures__/fake-stage.js';
import { fakeTokenizer } from '../__fixtures__/fake-tokenizer.js';
import { buildArExample } from './ar-example.js';
import { buildAvExample } from './av-example.js';
import { cyclicPermutation } from './cyclic-permutation.js';
import { createDataOrder } from './data-order.js';
import { createGradientSum } from './gradient-sum.js';
import { lossAndGradients } from './loss-and-gradients.js';
import { otherDocumentOrder } from './other-document-order.js';
import { defaultTargets, resolveRecipe } from './sft-options.js';
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

  it('is summed on the host', () => {
    const sum = createGradientSum();
    sum.add(new Map([['x', Float32Array.from([1, 2])]]));
    sum.add(new Map([['x', Float32Array.from([3, 5])]]));
    expect([...(sum.total.get('x') ?? [])]).toEqual([4, 7]);
    sum.clear();
    expect(sum.total.size).toBe(0);
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
  it('takes options before preset before defaults', () => {
    expect(resolveRecipe({})).toMatchObject({ steps: 500, saveEvery: 50, rank: 64, alpha: 128, optimizer: 'adamw', preset: null });
    expect(resolveRecipe({ preset: 'seed' })).toMatchObject({
      rank: 64,
      alpha: 128,
      dropout: 0.05,
      optimizer: 'adamw8bit',
      learningRate: 1e-4,
      schedule: 'constant',
      microBatch: 1,
      accumulate: 16,
      maxLength: 512,
      steps: 500,
      saveEvery: 50,
    });
    expect(resolveRecipe({ preset: 'upstream', steps: 7 })).toMatchObject({
      steps: 7,
      schedule: 'cosine',
      warmup: 50,
      alpha: 16,
      rankStabilized: true,
    });
    expect(resolveRecipe({ preset: 'upstream', rank: 8 })).toMatchObject({ rank: 8, alpha: 16 });
    expect(resolveRecipe({ rank: 16 })).toMatchObject({ rank: 16, alpha: 32 });
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
