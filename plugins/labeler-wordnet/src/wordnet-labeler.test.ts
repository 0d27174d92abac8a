import '@tensorflow/tfjs-backend-cpu';
import type { LabelContext, LabelItem, PluginContext } from '@nlakit/core';
import { tf } from '@nlakit/ops';
import { readNounLexicon, type NounLexicon } from '@nlakit/wordnet';
import { beforeAll, describe, expect, it } from 'vitest';
import { fakeModel } from '../../dataset-wordnet/src/__fixtures__/fake-model.js';
import { createWordnetLabeler, optionsSchema, plugin } from './index.js';

const model = fakeModel();
const context = (): LabelContext => ({
  model,
  cacheFolder: '/nowhere',
  signal: new AbortController().signal,
  log: { debug: () => undefined, info: () => undefined, warn: () => undefined, progress: () => undefined },
});
const item = (id: string, text: string, meta?: Readonly<Record<string, string>>): LabelItem => ({
  id,
  documentId: id,
  text,
  token: text.slice(-1),
  ...(meta ? { meta } : {}),
});
const items = [
  item('a', 'oak: a deciduous tree'),
  item('b', 'of it'),
  item('c', 'The spaniel followed two horses, with a'),
  item('d', `${'The doctor said that the patient was in the hospital. '.repeat(20)}The spaniel`),
];

let lexicon: NounLexicon;
beforeAll(async () => {
  await tf.setBackend('cpu');
  lexicon = await readNounLexicon();
});
const labelerWith = (options = {}) => createWordnetLabeler(optionsSchema.parse(options), () => Promise.resolve(lexicon));

describe('the labeler', () => {
  it('writes what the dataset of glosses writes, and drops what it cannot explain with a reason', async () => {
    const labels = await labelerWith().label(items, context());
    expect(labels.map(({ id }) => id)).toEqual(['a', 'b', 'c', 'd']);
    const [oak, nothing] = labels;
    expect(nothing).toEqual({ id: 'b', explanation: null, reason: 'no noun of WordNet in the last 40 words' });
    if (!oak || oak.explanation === null) throw new Error('no label');
    expect(oak.fields).toMatchObject({ topic: 'plant', hypernym: 'tree', last: 'tree' });
    const { topic, hypernym, last, next } = oak.fields as Record<string, string>;
    expect(next).toMatch(/^[a-z]+$/);
    expect(oak.explanation).toBe(`topic: ${topic}. a kind of ${hypernym}. last: ${last}. next: ${next}.`);
  });

  it('gives each text the same label in any company', async () => {
    const together = await labelerWith({ batch: 3 }).label(items, context());
    const alone = await Promise.all(items.map(async (one) => (await labelerWith({ batch: 1 }).label([one], context()))[0]));
    expect(alone).toEqual(together);
    expect(await labelerWith().label([], context())).toEqual([]);
  });

  it('lets the model read the end of a long text, behind its first token', async () => {
    model.calls.length = 0;
    await labelerWith({ contextTokens: 5 }).label([items[3] as LabelItem], context());
    const [{ tokens, length } = { tokens: new Int32Array(), length: 0 }] = model.calls;
    const whole = model.tokenizer.encode(items[3]?.text ?? '', { special: true });
    expect(length).toBe(5);
    expect(Array.from(tokens)).toEqual([model.tokenizer.bosId, ...whole.slice(-4)]);
  });

  it('says what the model finds likeliest among the tokens that begin a word', async () => {
    const [label] = await labelerWith().label([items[0] as LabelItem], context());
    const tokens = model.tokenizer.encode('oak: a deciduous tree', { special: true });
    const logits = tf.tidy(() => {
      const { final } = model.forward({ tokens, mask: tokens.map(() => 1) as never, batch: 1, length: tokens.length, final: true });
      return Array.from(model.head.logits(tf.reshape(final as tf.Tensor3D, [tokens.length, 8])).dataSync()).slice(
        -model.spec.vocabularySize,
      );
    });
    const begins = (id: number) => /^Ġ[A-Za-z]+$/.test(model.tokenizer.tokenOf(id) ?? '');
    const best = logits.reduce(
      (most, value, id) => (begins(id) && value > (logits[most] ?? -Infinity) ? id : most),
      logits.findIndex((_, id) => begins(id)),
    );
    expect(label?.explanation === null ? '' : label?.fields?.['next']).toBe(model.tokenizer.tokenOf(best)?.slice(1));
  });

  it('leaves no tensors, and stops when told', async () => {
    const before = tf.memory().numTensors;
    await labelerWith({ batch: 2 }).label(items, context());
    expect(tf.memory().numTensors).toBe(before);
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(labelerWith().label(items, { ...context(), signal })).rejects.toThrow('enough');
  });

  it('says what its labels depend on, and costs nothing', () => {
    const labeler = plugin.create(optionsSchema.parse({ words: 12 }), {} as PluginContext) as ReturnType<typeof labelerWith>;
    expect(labeler.describe()).toMatchObject({ method: 'rule', words: 12, wordnet: '3.1.14' });
    expect(JSON.stringify(labeler.describe())).not.toContain('"batch"');
    expect(labeler.estimate).toBeUndefined();
  });
});
