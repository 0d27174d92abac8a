import type { Logger, NlaRow } from '@nlakit/core';
import { mean } from '@nlakit/metrics';
import type { Explanation } from '@nlakit/nla';
import { recheck } from '@nlakit/recheck';
import { createSeedStreams } from '@nlakit/run';
import { describe, expect, it } from 'vitest';
import { chooseClasses } from './choose-classes.js';
import { headlineColumns, headlineOf, measureCeiling, optionsSchema, plugin, summarizeCeiling } from './index.js';
import { storedRows } from './measure-ceiling.js';

const silent: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, progress: () => undefined };
const topics = ['animal', 'body', 'plant'];
const lasts = ['the', 'of'];
const width = 16;
const random = createSeedStreams(2).stream('world');
const table = new Map([...topics, ...lasts].map((name) => [name, Float32Array.from({ length: width }, () => random.normal())]));

function vectorOf(words: readonly string[], noise = 0): Float32Array {
  return Float32Array.from(
    { length: width },
    (_, at) => 0.5 + words.reduce((sum, word) => sum + (table.get(word)?.[at] ?? 0), 0) + noise * random.normal(),
  );
}
function makeRow(index: number, documents: string): NlaRow {
  const topic = topics[index % 3] ?? '';
  const last = lasts[Math.floor(index / 3) % 2] ?? '';
  return {
    id: `${documents}${index}`,
    // Both rows of a document are of one topic.
    documentId: `${documents} ${index % 3} ${Math.floor(index / 6)}`,
    vector: vectorOf([topic, last], 0.3).map((value) => 7 * value),
    explanation: `topic: ${topic}. last: ${last}.`,
    text: `text ${index}`,
    rawTokens: 4,
    fields: { topic, last, same: 'always', rare: `value ${index}` },
  };
}
const training = Array.from({ length: 180 }, (_, index) => makeRow(index, 'train'));
const rows = Array.from({ length: 72 }, (_, index) => makeRow(index, 'held'));
const options = optionsSchema.parse({ bootstrap: 300, permutations: 300, l2: 1e-2 });
const read = (text: string) => vectorOf(text.split(/[^a-z]+/).filter((word) => table.has(word)));
const honest = (row: NlaRow) => row.explanation ?? '';

async function run(
  say: (row: NlaRow, index: number) => string = honest,
  reads: (text: string) => Float32Array = read,
  measured: readonly NlaRow[] = rows,
  known: readonly NlaRow[] = training,
) {
  const seeds = createSeedStreams(0);
  const measurement = await measureCeiling({
    rows: measured,
    training: known,
    verbalizer: {
      explain: (vectors) =>
        Promise.resolve(
          vectors.map((vector): Explanation => {
            const index = measured.findIndex((row) => row.vector === vector);
            const explanation = say(measured[index] as NlaRow, index);
            return { text: explanation, explanation, tokens: new Int32Array(4), stopped: true };
          }),
        ),
    },
    reconstructor: { reconstruct: (texts) => Promise.resolve(texts.map(reads)) },
    options,
    context: { seeds, signal: new AbortController().signal, log: silent },
  });
  const summary = summarizeCeiling(measurement, options, seeds);
  return { measurement, summary, headline: headlineOf(summary), stored: storedRows(measurement) };
}

describe('pieces, by hand', () => {
  it('classes: enough training rows, most frequent first, at least two that are seen', () => {
    const limits = { minimumPerClass: 20, maximumClasses: 50 };
    expect(chooseClasses(training, rows, limits)).toEqual([
      { field: 'last', classes: ['of', 'the'] },
      { field: 'topic', classes: topics },
    ]);
    expect(chooseClasses(training, rows, { ...limits, fields: ['rare', 'topic', 'none'], maximumClasses: 2 })).toEqual([
      { field: 'topic', classes: ['animal', 'body'] },
    ]);
    // Too few held-out rows, unless they are asked for.
    expect(chooseClasses(training, rows.slice(0, 20), limits)).toEqual([]);
    expect(chooseClasses(training, rows.slice(0, 20), { ...limits, fields: ['topic'] })).toHaveLength(1);
  });
});

describe('explanations that say everything', () => {
  it('keep what the activations hold; other documents’ do not', async () => {
    const { summary, headline } = await run();
    expect(Object.keys(summary.fields)).toEqual(['last', 'topic']);
    for (const field of Object.values(summary.fields)) {
      for (const way of [field.transfer, field.refit, field.neighbours]) {
        expect(way.spaces['RAW']?.value).toBeGreaterThan(0.9);
        expect(way.spaces['RAW']?.p).toBeCloseTo(1 / 301, 12);
        expect(way.spaces['AV_OUT']?.value).toBeGreaterThan(0.9);
        expect(way.survives?.value).toBeGreaterThan(0.9);
        expect(Math.abs(way.lost.value)).toBeLessThan(0.1);
      }
      expect(field.transfer.spaces['SHUFFLED']?.p).toBeGreaterThan(0.01);
      expect(field.transfer.spaces['RAW']?.chance).toBeCloseTo(1 / field.classes.length, 1);
      expect(field.majority).toBeCloseTo(1 / field.classes.length, 12);
    }
    const named = new Set(headlineColumns(summary).flatMap(({ figure, interval = [] }) => [figure, ...interval]));
    expect([...named].filter((figure) => headline[figure] === undefined)).toEqual([]);
    expect(headline).toMatchObject({ n: 72, 'topic.raw': summary.fields['topic']?.transfer.spaces['RAW']?.value });
    // Chance is about 1 of 71 other rows.
    expect(summary.sameDocument?.spaces['RAW']?.chance).toBeLessThan(0.05);
  });

  it('gives a summary whose numbers come out of the stored rows again', async () => {
    const { summary, stored } = await run((row) => honest(row).replace('animal', 'body'));
    const { seedName, bootstrap, permutations } = options;
    const provenance = { seed: 0, seedName, statistics: { bootstrap, permutations } };
    const evaluation = JSON.parse(JSON.stringify({ evaluator: '@nlakit/evaluator-ceiling', rows: stored, summary, provenance })) as {
      readonly rows: readonly { readonly cosine: number }[];
    };
    const found = recheck(evaluation);
    expect(found).toMatchObject({ kind: 'ceiling', differences: [] });
    expect(found?.checked).toBeGreaterThan(80);
    expect(found?.notComputed.filter((path) => !/(neighbours|sameDocument)\.spaces\.\w+\.(chance|p|z)$|trainingRows/.test(path))).toEqual(
      [],
    );
    const [first, ...others] = evaluation.rows;
    const changed = recheck({ ...evaluation, rows: [{ ...first, cosine: (first?.cosine ?? 0) + 1e-6 }, ...others] });
    expect(changed?.differences.map(({ path }) => path)).toContain('cosine.value');
  });

  it('can be recomputed from the stored rows', async () => {
    const { summary, stored } = await run((row) => honest(row).replace('animal', 'body'));
    const again = JSON.parse(JSON.stringify(stored)) as {
      cosine: number;
      sameDocument: Record<string, number | null>;
      decoded: Record<
        string,
        { class: string | null; transfer: Record<string, string>; refit: Record<string, string>; neighbours: Record<string, number | null> }
      >;
    }[];
    expect(summary.cosine.value).toBeCloseTo(mean(again.map(({ cosine }) => cosine)), 12);
    for (const [name, field] of Object.entries(summary.fields)) {
      const own = again.flatMap(({ decoded }) => (decoded[name]?.class == null ? [] : [decoded[name]]));
      for (const way of ['transfer', 'refit'] as const) {
        const right = (space: string) => own.map((row) => (row[way][space] === row.class ? 1 : 0) as number);
        for (const [space, accuracy] of Object.entries(field[way].spaces)) {
          expect(accuracy).toMatchObject({ n: own.length });
          expect(accuracy.value).toBeCloseTo(mean(right(space)), 12);
        }
        expect(field[way].lost.value).toBeCloseTo(mean(right('RAW')) - mean(right('AV_OUT')), 12);
        const { RAW: raw, AV_OUT: said } = field[way].spaces;
        const ratio = ((said?.value ?? NaN) - (said?.chance ?? NaN)) / ((raw?.value ?? NaN) - (raw?.chance ?? NaN));
        expect(field[way].survives?.value).toBeCloseTo(ratio, 12);
      }
      for (const [space, accuracy] of Object.entries(field.neighbours.spaces)) {
        expect(accuracy.value).toBeCloseTo(mean(own.map((row) => row.neighbours[space] ?? NaN)), 12);
      }
    }
    const found = again.flatMap(({ sameDocument }) => (sameDocument['RAW'] == null ? [] : [sameDocument['RAW']]));
    expect(summary.sameDocument?.spaces['RAW']?.value).toBeCloseTo(mean(found), 12);
    // What was said wrongly of a third of the rows is lost there and nowhere else.
    expect(summary.fields['topic']?.transfer.lost.value).toBeCloseTo(1 / 3, 1);
    expect(summary.fields['last']?.transfer.lost.value).toBeCloseTo(0, 1);
  });

  it('gives the same figures again', async () => {
    const [first, second] = [await run(), await run()];
    expect(JSON.stringify([second.summary, second.stored])).toBe(JSON.stringify([first.summary, first.stored]));
  });
});

describe('what must not look like success', () => {
  it('an AV that says the same of every row: nothing survives', async () => {
    const { summary } = await run(() => 'topic: animal. last: the.');
    for (const { transfer, neighbours } of Object.values(summary.fields)) {
      for (const way of [transfer, neighbours]) {
        expect(way.spaces['AV_OUT']?.p).toBeGreaterThan(0.05);
        expect(Math.abs(way.survives?.value ?? NaN)).toBeLessThan(0.1);
        expect(way.lost.low).toBeGreaterThan(0);
      }
    }
  });

  it('labels that belong to other rows: nothing is decoded, so no share of it is stated', async () => {
    const stream = createSeedStreams(11).stream('labels');
    const mixed = (list: readonly NlaRow[]) => {
      const order = stream.shuffle(list);
      return list.map((row, index) => ({ ...row, fields: order[index]?.fields ?? {} }));
    };
    const { summary } = await run(honest, read, mixed(rows), mixed(training));
    for (const { transfer, refit, neighbours } of Object.values(summary.fields)) {
      for (const way of [transfer, refit, neighbours]) {
        expect(way.spaces['RAW']?.p).toBeGreaterThan(0.01);
        expect(way.survives).toBeNull();
      }
    }
  });

  it('an AR that ignores its text', async () => {
    const { summary } = await run(honest, () => vectorOf([]));
    expect(summary.fields['topic']?.transfer.spaces['AV_OUT']?.p).toBeGreaterThan(0.05);
    expect(summary.fields['topic']?.refit.spaces['AV_OUT']?.value).toBeLessThan(0.5);
  });
});

it('does without fields and labels, and without documents of several rows', async () => {
  const bare = rows.map(({ fields: _, explanation: __, ...row }, index) => ({ ...row, documentId: `alone ${index}` }));
  const { summary } = await run(() => 'topic: body. last: of.', read, bare);
  expect(summary).toMatchObject({ fields: {}, sameDocument: null, documents: 72 });
  expect(Object.keys(summary.spaces)).toEqual(['RAW', 'AV_OUT', 'SHUFFLED']);
});

it('is a plugin of kind evaluator with strict options', () => {
  expect(plugin).toMatchObject({ kind: 'evaluator', name: '@nlakit/evaluator-ceiling' });
  expect(optionsSchema.parse({ at: [50] })).toMatchObject({ rows: 200, folds: 5 });
  expect(optionsSchema.safeParse({ row: 1 }).success).toBe(false);
});
