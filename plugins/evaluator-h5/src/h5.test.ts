import type { Logger, NlaRow, RandomStream, SeedStreams } from '@nlakit/core';
import { constantBaselines, cosine, fveNrm, mean } from '@nlakit/metrics';
import type { Explanation } from '@nlakit/nla';
import { describe, expect, it } from 'vitest';
import { headlineOf, measure, optionsSchema, parseParts, plugin, summarizeH5, writeParts } from './index.js';
import { storedRow } from './measure.js';
import { checkHeldOut } from './training-reference.js';

const dModel = 24;
const topics = ['animal', 'body', 'plant', 'time'];
const words = ['the', 'of', 'in', 'a', 'that', 'is', 'by', 'or'];

function stream(seed: number): RandomStream {
  let state = seed;
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  return {
    uniform,
    integer: (bound) => Math.floor(uniform() * bound),
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
    shuffle: (items) =>
      [...items]
        .map((item) => ({ item, key: uniform() }))
        .sort((a, b) => a.key - b.key)
        .map(({ item }) => item),
    state: () => ({ algorithm: 'test', words: [state] }),
    restore: () => undefined,
  };
}
function seedStreams(seed: number): SeedStreams {
  const streams = new Map<string, RandomStream>();
  const stringSeed = (name: string) => [...name].reduce((sum, char) => (Math.imul(sum, 31) + char.charCodeAt(0)) | 0, seed);
  return {
    seed,
    stream: (name) => {
      const found = streams.get(name) ?? stream(stringSeed(name));
      streams.set(name, found);
      return found;
    },
    state: () => ({}),
    restore: () => undefined,
  };
}
const silent: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, progress: () => undefined };

const random = stream(1);
const table = new Map(
  [...topics.map((topic) => `topic ${topic}`), ...words.map((word) => `last ${word}`), 'base'].map((name) => [
    name,
    Float32Array.from({ length: dModel }, () => random.normal()),
  ]),
);

/** A direction made of a common part, the topic (weak) and the last word (strong). */
function direction(topic: string, last: string): Float32Array {
  const part = (name: string) => table.get(name) ?? new Float32Array(dModel);
  return Float32Array.from(
    { length: dModel },
    (_, index) => 0.6 * (part('base')[index] ?? 0) + 0.5 * (part(`topic ${topic}`)[index] ?? 0) + (part(`last ${last}`)[index] ?? 0),
  );
}

function makeRow(index: number): NlaRow {
  const topic = topics[index % topics.length] ?? '';
  const last = words[(index * 5 + Math.floor(index / 3)) % words.length] ?? '';
  const exact = direction(topic, last);
  return {
    id: `r${index}`,
    documentId: `d${Math.floor(index / 2)}`,
    vector: exact.map((value) => 3 * (value + 0.3 * random.normal())),
    explanation: writeParts({ topic, hypernym: `${topic} thing`, last, next: 'it' }),
    text: `text ${index} ${last}`,
    token: ` ${last}`,
    rawTokens: 9,
    fields: { topic, hypernym: `${topic} thing`, last, next: 'it' },
  };
}
const training = Array.from({ length: 400 }, (_, index) => makeRow(index));
const rows = Array.from({ length: 100 }, (_, index) => ({ ...makeRow(index + 1000), documentId: `held ${Math.floor(index / 2)}` }));

function output(explanation: string | null): Explanation {
  return {
    text: explanation === null ? 'noise' : `<explanation>${explanation}</explanation>`,
    explanation,
    tokens: new Int32Array(20),
    stopped: true,
  };
}

/** The nearest combination of topic and word: what an ideal verbalizer says. */
function describeVector(vector: Float32Array): string {
  const best = topics
    .flatMap((topic) => words.map((last) => ({ topic, last, fit: cosine(vector, direction(topic, last)) })))
    .reduce((first, second) => (second.fit > first.fit ? second : first));
  return writeParts({ topic: best.topic, hypernym: `${best.topic} thing`, last: best.last, next: 'it' });
}
function readText(text: string): Float32Array {
  const parts = parseParts(text);
  return parts === undefined ? direction('', '') : direction(parts.topic, parts.last);
}

const goodAv = (vectors: readonly Float32Array[]) => vectors.map((vector) => output(describeVector(vector)));
const goodAr = (texts: readonly string[]) => texts.map(readText);
const options = optionsSchema.parse({ bootstrap: 400, permutations: 500 });

async function run(
  av: (vectors: readonly Float32Array[]) => Explanation[] = goodAv,
  ar: (texts: readonly string[]) => Float32Array[] = goodAr,
  measured: readonly NlaRow[] = rows,
) {
  const reference = {
    baselines: constantBaselines(training.map((row) => row.vector)),
    sourceHash: 'f'.repeat(64),
    documents: new Set(training.map((row) => row.documentId)),
  };
  const asked: string[][] = [];
  const seeds = seedStreams(0);
  const measurement = await measure({
    rows: measured,
    reference,
    verbalizer: { explain: (vectors) => Promise.resolve(av(vectors)) },
    reconstructor: {
      reconstruct: (texts) => {
        asked.push([...texts]);
        return Promise.resolve(ar(texts));
      },
    },
    options,
    seeds,
    signal: new AbortController().signal,
    log: silent,
  });
  const summary = summarizeH5(measurement, reference, options, seeds);
  return { measurement, summary, headline: headlineOf(summary), asked, reference };
}

describe('an AV that reads its vector and an AR that reads its text', () => {
  it('shows in every effect', async () => {
    const { summary, headline } = await run();
    expect(summary.differences.SHUFFLED?.low).toBeGreaterThan(0.2);
    expect(summary.differences.SHUFFLED?.p).toBeLessThan(0.01);
    expect(summary.differences.MEAN?.low).toBeGreaterThan(0);
    expect(summary.differences.SWAP_TOPIC?.low).toBeGreaterThan(0);
    expect(summary.differences.SWAP_LAST?.value).toBeGreaterThan(summary.differences.SWAP_TOPIC?.value ?? NaN);
    expect(summary.goldDifferences.GOLD_SWAP_TOPIC?.low).toBeGreaterThan(0);
    expect(headline).toMatchObject({ n: 100, avOut: summary.conditions.AV_OUT?.cosine.value, low: summary.differences.SHUFFLED?.low });
    expect(headline.topicAccuracy).toBeGreaterThan(0.8);
    expect(headline.retrievalAccuracy).toBeLessThanOrEqual(1);
    expect(Object.keys(summary.conditions)).toEqual([
      'AV_OUT',
      'GOLD',
      'SHUFFLED',
      'EMPTY',
      'RANDOM',
      'GIBBER',
      'TEMPLATE',
      'MEAN',
      'ZERO_INJECTION',
      'RANDOM_DIRECTION',
      'SWAP_TOPIC',
      'SWAP_LAST',
      'GOLD_SWAP_TOPIC',
      'GOLD_SWAP_LAST',
    ]);
  });

  it('can be recomputed from the stored rows', async () => {
    const { measurement, summary, reference } = await run();
    const stored = measurement.rows.map((row) => storedRow(row, measurement.rows));
    const again = JSON.parse(JSON.stringify(stored)) as {
      cosines: Record<string, number>;
      retrievalRank: number;
      explanation: string;
      shuffledFrom: string;
      documentId: string;
      id: string;
    }[];
    for (const [name, condition] of Object.entries(summary.conditions)) {
      const cosines = again.map((row) => row.cosines[name] ?? NaN);
      expect(mean(cosines)).toBeCloseTo(condition.cosine.value, 12);
      expect(fveNrm(cosines, reference.baselines)).toBeCloseTo(condition.fveNrm ?? NaN, 12);
      const difference = summary.differences[name]?.value;
      if (difference !== undefined) {
        expect(mean(again.map((row) => (row.cosines.AV_OUT ?? NaN) - (row.cosines[name] ?? NaN)))).toBeCloseTo(difference, 12);
      }
    }
    expect(again.filter((row) => row.retrievalRank === 1).length / again.length).toBe(summary.retrieval.accuracy);
    // Each row's SHUFFLED text is another document's AV text, read by the same AR.
    for (const [index, row] of again.entries()) {
      const partner = again.find(({ id }) => id === row.shuffledFrom);
      expect(partner?.documentId).not.toBe(row.documentId);
      expect(row.cosines.SHUFFLED).toBeCloseTo(cosine(rows[index]?.vector ?? [], readText(partner?.explanation ?? '')), 12);
    }
  });

  it('reads every text once and is the same again', async () => {
    const first = await run();
    expect(first.asked).toHaveLength(1);
    expect(new Set(first.asked[0]).size).toBe(first.asked[0]?.length);
    const second = await run();
    expect(JSON.stringify(second.summary)).toBe(JSON.stringify(first.summary));
  });
});

describe('what must not look like success', () => {
  it('an AV that ignores its vector: no difference to SHUFFLED, whatever the cosine', async () => {
    const constant = writeParts({ topic: 'animal', hypernym: 'x', last: 'the', next: 'it' });
    const { summary } = await run((vectors) => vectors.map(() => output(constant)));
    expect(summary.differences.SHUFFLED).toMatchObject({ value: 0, low: 0, high: 0, p: 1, dZ: 0 });
    expect(summary.outputs.uniqueTexts).toBe(1);
    expect(summary.differences.MEAN?.value).toBeLessThan(0);
  });

  it('an AR that ignores its text: no difference to anything it reads', async () => {
    const { summary } = await run(goodAv, (texts) => texts.map(() => direction('', '')));
    for (const name of ['SHUFFLED', 'EMPTY', 'RANDOM', 'GIBBER', 'GOLD', 'SWAP_TOPIC']) expect(summary.differences[name]?.value).toBe(0);
    expect(summary.retrieval.accuracy).toBeLessThan(0.1);
  });

  it('an AV paired with the wrong rows falls below its shuffled self or near it', async () => {
    const { summary } = await run((vectors) => goodAv([...vectors.slice(2), ...vectors.slice(0, 2)]));
    expect(summary.differences.SHUFFLED?.low).toBeLessThan(0.1);
    expect(summary.differences.MEAN?.high).toBeLessThan(0);
  });

  it('outputs without explanation stay in n, as EMPTY', async () => {
    const { summary, measurement } = await run((vectors) => goodAv(vectors).map((one, index) => (index % 4 === 0 ? output(null) : one)));
    expect(summary.n).toBe(100);
    expect(summary.outputs).toMatchObject({ extractionRate: 0.75, empty: 25 });
    expect(measurement.rows[0]?.cosines.AV_OUT).toBe(measurement.rows[0]?.cosines.EMPTY);
    expect(summary.unswapped.SWAP_TOPIC).toBe(25);
  });

  it('held-out documents that were trained on', () => {
    expect(() => {
      checkHeldOut(rows, new Set(['held 3']));
    }).toThrow(/1 documents, for instance held 3/);
    expect(() => {
      checkHeldOut(rows, new Set(['other']));
    }).not.toThrow();
  });
});

it('unlabelled rows leave GOLD out and say so; free text leaves the swaps out', async () => {
  const bare = rows.map(({ explanation: _, fields: __, ...row }) => row);
  const { summary, measurement } = await run((vectors) => vectors.map((vector) => output(`free text ${vector[0]}`)), goodAr, bare);
  expect(measurement.warnings.map(({ code }) => code)).toEqual(['W_H5_UNLABELLED']);
  expect(summary.conditions.GOLD).toBeUndefined();
  expect(summary.conditions.SWAP_TOPIC).toBeUndefined();
  expect(summary.fieldAccuracy).toEqual({});
});

describe('parts of an explanation', () => {
  it('come apart and together', () => {
    const text = 'topic: body. a kind of St. John. last: e.g. next: that.';
    expect(parseParts(text)).toEqual({ topic: 'body', hypernym: 'St. John', last: 'e.g', next: 'that' });
    expect(writeParts({ topic: 'a', hypernym: 'b', last: 'c', next: 'd' })).toBe('topic: a. a kind of b. last: c. next: d.');
    expect(parseParts('topic: body. a kind of vein. last:')).toBeUndefined();
  });
});

it('is a plugin of kind evaluator with strict options', () => {
  expect(plugin).toMatchObject({ kind: 'evaluator', name: '@nlakit/evaluator-h5' });
  expect(optionsSchema.parse({ rows: 96, at: [50, 100, 150] })).toMatchObject({ rows: 96, batch: 64, maxNewTokens: 48 });
  expect(optionsSchema.safeParse({ row: 1 }).success).toBe(false);
});
