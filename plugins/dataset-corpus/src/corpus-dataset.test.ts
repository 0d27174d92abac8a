import '@tensorflow/tfjs-backend-cpu';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Dataset, DatasetContext, DatasetEvent, Injector, Label, Labeler, LabelItem, NlaRow, SplitName } from '@nlakit/core';
import { hashFile, openSplit, splitFile } from '@nlakit/dataset';
import { tf } from '@nlakit/ops';
import { createSeedStreams } from '@nlakit/run';
import fc from 'fast-check';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fakeModel, type FakeModel } from '../../dataset-wordnet/src/__fixtures__/fake-model.js';
import { createCorpusDataset, optionsSchema } from './index.js';

let place: string;
beforeAll(async () => {
  await tf.setBackend('cpu');
});
beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), 'nlakit-corpus-'));
});
afterEach(async () => {
  await rm(place, { recursive: true, force: true });
});

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, progress: () => undefined };
const injector = { scale: () => 2, perLayerIds: 'marker' } as unknown as Injector;
const words = ['river', 'stone', 'the', 'of', 'bright', 'engine', 'sings', 'over', 'north', 'a', 'quiet', 'garden'];

/** Documents of 4 to 30 words in two families, written as JSON lines. Returns their texts by id. */
async function writeCorpus(count: number): Promise<ReadonlyMap<string, string>> {
  const random = createSeedStreams(1).stream('text');
  const records = Array.from({ length: count }, (_, index) => {
    const text = Array.from({ length: 4 + random.integer(27) }, () => words[random.integer(words.length)]).join(' ');
    return { id: `${index % 3 === 0 ? 'wik' : 'web'}_${index}`, text: `${text} ${index}`, topic: 'things' };
  });
  await writeFile(join(place, 'texts.jsonl'), records.map((record) => `${JSON.stringify(record)}\n`).join(''));
  return new Map(records.map(({ id, text }) => [id, text]));
}

const base = {
  sources: [{ kind: 'jsonl', path: 'texts.jsonl', id: 'id', meta: ['topic'] }],
  minPosition: 5,
  positionsPerDocument: 3,
  batchTokens: 64,
  chunkDocuments: 4,
  labelChunkRows: 7,
  fractions: { avSft: 0.4, arSft: 0.3, heldOut: 0.3 },
  templates: { av: '<concept>{injection_char}</concept>', ar: '<explanation>{explanation}</explanation><concept>' },
};

/** A labeler by rule that remembers what it was asked, and drops rows that end in `of`. */
function ruleLabeler(): Labeler & { readonly asked: LabelItem[] } {
  const asked: LabelItem[] = [];
  return {
    name: 'last-word',
    asked,
    describe: () => ({ method: 'rule' }),
    label: (items) => {
      asked.push(...items);
      return Promise.resolve(
        items.map(({ id, text, meta }): Label => {
          const last = text.split(' ').at(-1) ?? '';
          if (last === 'of') return { id, explanation: null, reason: 'ends in of' };
          return { id, explanation: ` ${meta?.family ?? '?'}: ${last} `, labeler: 'last-word', fields: { last } };
        }),
      );
    },
    estimate: (items) => Promise.resolve({ figures: { characters: items.reduce((sum, { text }) => sum + text.length, 0) }, warnings: [] }),
  };
}

interface Made {
  readonly dataset: Dataset;
  readonly model: FakeModel;
  readonly labeler: ReturnType<typeof ruleLabeler>;
  readonly context: DatasetContext;
}

function make(folder: string, options: Record<string, unknown> = {}, seed = 7): Made {
  const model = fakeModel();
  const labeler = ruleLabeler();
  const dataset = createCorpusDataset(optionsSchema.parse({ ...base, ...options }), {
    seeds: createSeedStreams(seed),
    labeler,
    log: silent,
    baseFolder: place,
  });
  return {
    dataset,
    model,
    labeler,
    context: { model, injector, layer: 1, folder: join(place, folder), signal: new AbortController().signal },
  };
}

async function prepare({ dataset, context }: Made, part: Partial<DatasetContext> = {}): Promise<DatasetEvent[]> {
  const events: DatasetEvent[] = [];
  for await (const event of dataset.prepare({ ...context, ...part })) events.push(event);
  return events;
}

const figuresOf = (events: readonly DatasetEvent[]) => {
  const last = events.at(-1);
  return last?.type === 'done' ? last.figures : {};
};

async function hashes(folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const name of (await readdir(join(place, folder))).filter((one) => !one.startsWith('.')).sort()) {
    found[name] = await hashFile(join(place, folder, name));
  }
  return found;
}

async function rowsOf(folder: string, name: SplitName): Promise<NlaRow[]> {
  const split = await openSplit(splitFile(join(place, folder), name), name);
  return split.rows(Array.from({ length: split.length }, (_, index) => index));
}

describe('a dataset from a corpus', () => {
  it('makes three files whose vectors are those of single passes over the texts', async () => {
    const texts = await writeCorpus(40);
    const made = make('data');
    const figures = figuresOf(await prepare(made));
    const { model } = made;
    let rows = 0;
    for (const name of ['avSft', 'arSft', 'heldOut'] as const) {
      for (const row of await rowsOf('data', name)) {
        rows += 1;
        expect(row.rawTokens).toBeGreaterThan(5);
        const tokens = model.tokenizer.encode(texts.get(row.documentId) ?? '', { special: true }).slice(0, row.rawTokens);
        expect(row.text).toBe(model.tokenizer.decode(tokens, { skipSpecial: true }));
        expect(row.token).toBe(model.tokenizer.decode(tokens.slice(-1)));
        const { hidden } = model.forward({ tokens, batch: 1, length: tokens.length, capture: ['blocks.1.hook_out'] });
        const values = await hidden['blocks.1.hook_out']?.data();
        const last = Array.from(values?.slice(-8) ?? []);
        expect(Array.from(row.vector)).toEqual(last.map((value) => expect.closeTo(value, 5) as number));
        if (name === 'heldOut') expect(row.explanation).toBeUndefined();
        else expect(row).toMatchObject({ explanation: `${row.documentId.slice(0, 3)}: ${row.fields?.last ?? ''}`, labeler: 'last-word' });
      }
    }
    expect(rows).toBeGreaterThan(60);
    expect(figures).toMatchObject({ documentsSeen: 40, layer: 1, dModel: 8 });
    expect((figures.avSft ?? 0) + (figures.arSft ?? 0) + (figures.heldOut ?? 0)).toBe(rows);
    expect(figures.rho).toBeGreaterThan(0);
    expect(figures.rho).toBeLessThan(1);
    expect(figures.embeddingNormMedian).toBeGreaterThan(0);
    expect(figures.normMedian).toBeGreaterThan(0);
  });

  it('says in its sidecars what was done with which documents', async () => {
    await writeCorpus(40);
    await prepare(make('data'));
    const { sidecar } = await openSplit(splitFile(join(place, 'data'), 'avSft'), 'avSft');
    expect(sidecar).toMatchObject({
      stage: 'av_sft',
      corpus: 'texts',
      corpusSlice: { start: 0, length: 40 },
      positionsPerDoc: 3,
      norm: 'none',
    });
    expect(sidecar.datasetId).toMatch(/^av_sft_tiny_L1_[0-9a-f]{8}__av_sft_raw__explained$/);
    expect(sidecar.parentDatasets).toEqual([sidecar.datasetId.replace(/^av_sft_/, 'base_')]);
    expect(sidecar.labels).toMatchObject({ labeler: 'last-word', method: 'rule' });
    const about = sidecar.extensions.x_corpus as Record<string, Record<string, unknown>>;
    expect(about.documents).toMatchObject({ seen: 40 });
    expect(Object.keys(about.families ?? {}).sort()).toEqual(['web', 'wik']);
    expect(Object.values(about.families ?? {}).reduce((sum: number, count) => sum + Number(count), 0)).toBe(sidecar.rowCount);
    const counts = about.label_counts as unknown as { labelled: number; dropped: number; reasons: Record<string, number> };
    expect(counts.labelled).toBe(sidecar.rowCount);
    expect(counts.dropped).toBeGreaterThan(0);
    expect(counts.reasons).toEqual({ 'ends in of': counts.dropped });
    const held = await openSplit(splitFile(join(place, 'data'), 'heldOut'), 'heldOut');
    expect(held.sidecar.datasetId).toMatch(/^rl_tiny_L1_[0-9a-f]{8}__rl_raw$/);
  });

  it('draws positions that depend on seed and document alone', async () => {
    await writeCorpus(30);
    await prepare(make('one'));
    await prepare(
      make('other', {
        sources: [{ kind: 'jsonl', path: 'texts.jsonl', id: 'id', start: 10 }],
        splitBy: 'hash',
        label: ['avSft', 'arSft', 'heldOut'],
      }),
    );
    await prepare(make('seeded', {}, 8));
    const ids = async (folder: string) =>
      new Set((await Promise.all((['avSft', 'arSft', 'heldOut'] as const).map((name) => rowsOf(folder, name)))).flat().map(({ id }) => id));
    const [one, other, seeded] = [await ids('one'), await ids('other'), await ids('seeded')];
    // The unlabelled held-out rows of the first are not dropped, so only one direction holds.
    for (const id of other) expect(one.has(id) || /@/.test(id)).toBe(true);
    expect([...other].filter((id) => one.has(id)).length).toBeGreaterThan(0.9 * other.size);
    expect([...seeded].filter((id) => one.has(id)).length).toBeLessThan(0.9 * seeded.size);
  });

  it('does nothing where all is done, and asks and reads again only what is missing', async () => {
    await writeCorpus(20);
    await prepare(make('data'));
    const before = await hashes('data');
    const again = make('data');
    await prepare(again);
    expect(again.model.calls).toHaveLength(0);
    expect(again.labeler.asked).toHaveLength(0);
    const stages = join(place, 'data/.stages');
    await rm(join(stages, 'extract/chunk_00000001.safetensors'));
    await rm(join(stages, 'label/chunk_00000000.jsonl'));
    await rm(splitFile(join(place, 'data'), 'arSft'));
    const mended = make('data');
    await prepare(mended);
    expect(mended.labeler.asked).toHaveLength(7);
    expect(mended.model.calls.length).toBeLessThan(6);
    expect(await hashes('data')).toEqual(before);
  });

  it('refuses to mix two corpora, or labels of two labelers', async () => {
    await writeCorpus(20);
    await prepare(make('data'), { until: 'extract' });
    await expect(prepare(make('data', { minPosition: 6 }))).rejects.toMatchObject({ code: 'E_CORPUS_CHANGED' });
    await prepare(make('data'), { until: 'label' });
    const other = make('data');
    const dataset = createCorpusDataset(optionsSchema.parse(base), {
      seeds: createSeedStreams(7),
      labeler: { ...other.labeler, describe: () => ({ method: 'another' }) },
      log: silent,
      baseFolder: place,
    });
    await expect(prepare({ ...other, dataset })).rejects.toMatchObject({ code: 'E_CORPUS_CHANGED' });
    await writeCorpus(21);
    await expect(prepare(make('data'))).rejects.toMatchObject({ code: 'E_CORPUS_CHANGED' });
  });

  it('stops after each stage when it is told to', async () => {
    await writeCorpus(20);
    const made = make('data');
    expect(made.dataset.stages).toEqual(['extract', 'split', 'label', 'build']);
    expect(figuresOf(await prepare(made, { until: 'extract' }))).toMatchObject({ documentsSeen: 20 });
    const split = figuresOf(await prepare(made, { until: 'split' }));
    expect((split.avSft ?? 0) + (split.arSft ?? 0) + (split.heldOut ?? 0)).toBeGreaterThan(10);
    expect(made.labeler.asked).toHaveLength(0);
    await prepare(made, { until: 'label' });
    expect(made.labeler.asked.length).toBeGreaterThan(10);
    expect((await readdir(join(place, 'data'))).filter((name) => !name.startsWith('.'))).toEqual([]);
  });

  it('prices labels without reading an activation or asking anybody', async () => {
    await writeCorpus(20);
    const made = make('data');
    const estimate = await made.dataset.estimateLabels?.(made.context);
    expect(made.model.calls).toHaveLength(0);
    expect(made.labeler.asked).toHaveLength(0);
    await prepare(made);
    expect(estimate?.figures.rows).toBe(made.labeler.asked.length);
    expect(estimate?.figures.characters).toBe(made.labeler.asked.reduce((sum, { text }) => sum + text.length, 0));
  });

  it('gives a labeler text, token and what the corpus says', async () => {
    await writeCorpus(20);
    const made = make('data');
    await prepare(made);
    for (const { text, token, meta, id, documentId } of made.labeler.asked) {
      expect(text.endsWith(token)).toBe(true);
      expect(meta).toEqual({ family: documentId.slice(0, 3), topic: 'things' });
      expect(id.startsWith(`${documentId}@`)).toBe(true);
    }
  });

  it('shuffles rows, and deals out vectors as a control, under ids that say so', async () => {
    await writeCorpus(40);
    await prepare(make('plain'));
    await prepare(make('mixed', { shuffle: ['arSft'], shuffleActivations: ['avSft'] }));
    const [plain, mixed] = [await rowsOf('plain', 'avSft'), await rowsOf('mixed', 'avSft')];
    expect(mixed.map(({ id, explanation }) => [id, explanation])).toEqual(plain.map(({ id, explanation }) => [id, explanation]));
    const keys = (rows: readonly NlaRow[]) => rows.map(({ vector }) => vector.join());
    expect(keys(mixed)).not.toEqual(keys(plain));
    expect(keys(mixed).sort()).toEqual(keys(plain).sort());
    const [before, after] = [await rowsOf('plain', 'arSft'), await rowsOf('mixed', 'arSft')];
    expect(after.map(({ id }) => id)).not.toEqual(before.map(({ id }) => id));
    const byId = new Map(before.map((row) => [row.id, row.vector.join()]));
    for (const row of after) expect(row.vector.join()).toBe(byId.get(row.id));
    const ids = await Promise.all(
      (['avSft', 'arSft'] as const).map(async (name) => (await openSplit(splitFile(join(place, 'mixed'), name), name)).sidecar.datasetId),
    );
    expect(ids[0]).toMatch(/__shuf_activations7$/);
    expect(ids[1]).toMatch(/__shuf7$/);
  });

  it('writes the rows before they are split, one file a layer', async () => {
    await writeCorpus(12);
    const made = make('data', { layers: [2], base: true });
    await prepare(made, { until: 'extract' });
    await prepare(make('data', { layers: [2], base: true, fractions: { avSft: 0.5, arSft: 0.5, heldOut: 0 } }));
    const [one, two] = await Promise.all([1, 2].map((layer) => openSplit(join(place, `data/base_L${layer}.parquet`), 'heldOut')));
    expect(one?.sidecar).toMatchObject({
      stage: 'base',
      layer: 1,
      datasetId: expect.stringMatching(/^base_tiny_L1_[0-9a-f]{8}$/) as string,
    });
    expect(two?.sidecar).toMatchObject({ stage: 'base', layer: 2, rowCount: one?.length });
    const av = await rowsOf('data', 'avSft');
    const base = new Map((await one?.rows(Array.from({ length: one.length }, (_, at) => at)))?.map((row) => [row.id, row]));
    for (const row of av) expect(row.vector).toEqual(base.get(row.id)?.vector);
    const [first] = (await two?.rows([0])) ?? [];
    expect(first?.vector).not.toEqual(base.get(first?.id ?? '')?.vector);
  });

  it('reads several layers in one pass', async () => {
    await writeCorpus(12);
    const made = make('data', { layers: [0, 2] });
    await prepare(made, { until: 'extract' });
    // One pass for the probe of the model, the others for batches: as many as without further layers.
    const single = make('single');
    await prepare(single, { until: 'extract' });
    expect(made.model.calls.length).toBe(single.model.calls.length);
    const summary = JSON.parse(await readFile(join(place, 'data/.stages/extract/extraction.json'), 'utf8')) as {
      layers: Record<string, unknown>;
    };
    expect(Object.keys(summary.layers)).toEqual(['0', '1', '2']);
  });

  it('tells when a labeler forgets a row or mixes rows up', async () => {
    await writeCorpus(12);
    for (const wrong of [(labels: Label[]) => labels.slice(1), (labels: Label[]) => [...labels].reverse()]) {
      const made = make(`data-${String(wrong).length}`);
      const dataset = createCorpusDataset(optionsSchema.parse(base), {
        seeds: createSeedStreams(7),
        labeler: { ...made.labeler, label: async (items, context) => wrong([...(await made.labeler.label(items, context))]) },
        log: silent,
        baseFolder: place,
      });
      await expect(prepare({ ...made, dataset })).rejects.toMatchObject({ code: 'E_LABELS' });
    }
  });

  it('refuses a row whose AR prompt ends otherwise', async () => {
    await writeCorpus(30);
    const made = make('data');
    // A tokenizer that merges the last tag with what stands before it, but not after the samples that the suffix is read off.
    const { encode } = made.model.tokenizer;
    const merging = {
      ...made.model.tokenizer,
      encode: (text: string, options?: { readonly special?: boolean }) => {
        const ids = encode(text, options);
        return text.startsWith('<explanation>web: ') ? Int32Array.from([...ids.slice(0, -2), 3]) : ids;
      },
    };
    const context = { ...made.context, model: { ...made.model, tokenizer: merging } };
    await expect(prepare({ ...made, context })).rejects.toMatchObject({
      code: 'E_AR_SUFFIX',
      message: expect.stringContaining('@') as string,
    });
    await prepare(make('right'));
    const { sidecar } = await openSplit(splitFile(join(place, 'right'), 'arSft'), 'arSft');
    expect(sidecar.tokens?.criticSuffixIds?.length).toBe(2);
  });

  it('counts what is too short, cut or filtered, and says so', async () => {
    await writeCorpus(30);
    const made = make('data', { minPosition: 20, maxLength: 24, filters: { bannedTerms: ['engine sings'] } });
    const events = await prepare(made);
    const figures = figuresOf(events);
    expect(figures.documentsShort).toBeGreaterThan(0);
    expect(figures.documentsTruncated).toBeGreaterThan(0);
    expect((figures.documents ?? 0) + (figures.documentsShort ?? 0) + (figures.documentsFiltered ?? 0)).toBe(30);
    const codes = events.flatMap((event) => (event.type === 'warning' ? [event.warning.code] : []));
    expect(codes).toContain('W_CORPUS_TRUNCATED');
    await expect(prepare(make('none', { minPosition: 200 }))).rejects.toMatchObject({ code: 'E_CORPUS_EMPTY' });
  });
});

describe('shards', () => {
  it('merge to the bytes of one run, however many there are and in whatever order they are done', async () => {
    await writeCorpus(26);
    await prepare(make('whole'));
    const whole = await hashes('whole');
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 4 }), fc.nat(), async (count, labelCount, order) => {
        const folder = `merged-${count}-${labelCount}-${order}`;
        await mkdir(join(place, folder), { recursive: true });
        const random = createSeedStreams(order).stream('order');
        for (const index of random.shuffle(Array.from({ length: count }, (_, at) => at))) {
          // Each on a machine of its own; their files are brought together.
          const own = `${folder}-${index}`;
          await prepare(make(own), { until: 'extract', shard: { index, count } });
          await cp(join(place, own), join(place, folder), { recursive: true });
        }
        const summing = make(folder);
        await prepare(summing, { until: 'extract' });
        // Nothing was left to read but the probe.
        expect(summing.model.calls).toHaveLength(1);
        for (let index = 0; index < labelCount; index += 1) {
          await prepare(make(folder), { until: 'label', shard: { index, count: labelCount } });
        }
        const building = make(folder);
        await prepare(building);
        expect(building.labeler.asked).toHaveLength(0);
        expect(await hashes(folder)).toEqual(whole);
      }),
      { numRuns: 6 },
    );
  });

  it('cannot be labelled before the extraction is whole, nor split or built', async () => {
    await writeCorpus(26);
    await prepare(make('part'), { until: 'extract', shard: { index: 0, count: 3 } });
    await expect(prepare(make('part'), { until: 'label', shard: { index: 0, count: 2 } })).rejects.toMatchObject({
      code: 'E_CORPUS_INCOMPLETE',
    });
    await expect(prepare(make('part'), { until: 'build', shard: { index: 0, count: 2 } })).rejects.toMatchObject({ code: 'E_DATA_SHARD' });
  });
});
