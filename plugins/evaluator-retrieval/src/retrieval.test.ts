import type { Logger, NlaRow } from '@nlakit/core';
import { constantBaselines, cosine, mean } from '@nlakit/metrics';
import type { Explanation } from '@nlakit/nla';
import { recheck } from '@nlakit/recheck';
import { createSeedStreams } from '@nlakit/run';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dropClaim, emptyTransform, shuffleWords } from './built-in-transforms.js';
import type { Extensions } from './extensions.js';
import { headlineColumns, headlineOf, measureRetrieval, optionsSchema, plugin, summarizeMeasurement } from './index.js';
import { storedRows } from './measure-retrieval.js';
import { hitWithin, meanRank, rankCandidates, rankPercentile, reciprocalRank } from './rank-candidates.js';
import { scoreRetrieval } from './score-retrieval.js';
import { summarizeRetrieval } from './summarize-retrieval.js';

const silent: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, progress: () => undefined };
const k = { topK: 2, documentTopK: 1 };

describe('ranks', () => {
  it('by hand, ties broken at random', () => {
    const { better, tied } = rankCandidates([0.5, 0.9, 0.5, 0.1]);
    expect([...better]).toEqual([1, 0, 1, 3]);
    expect([...tied]).toEqual([1, 0, 1, 0]);
    const second = { better: 1, tied: 1 };
    expect([hitWithin(second, 1), hitWithin(second, 2), hitWithin(second, 3)]).toEqual([0, 0.5, 1]);
    expect(meanRank(second)).toBe(2.5);
    expect(reciprocalRank(second)).toBeCloseTo((1 / 2 + 1 / 3) / 2, 12);
    expect(rankPercentile(second, 4)).toBeCloseTo(0.5, 12);
  });

  it('over all candidates are those of any order: hits sum to k, percentiles to one half', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 2, maxLength: 20 }),
        fc.integer({ min: 1, max: 8 }),
        (values, k) => {
          const { better, tied } = rankCandidates(values);
          const all = values.map((_, index) => ({ better: better[index] ?? 0, tied: tied[index] ?? 0 }));
          expect(all.reduce((sum, one) => sum + hitWithin(one, k), 0)).toBeCloseTo(Math.min(k, values.length), 9);
          expect(mean(all.map((one) => rankPercentile(one, values.length)))).toBeCloseTo(0.5, 9);
          const harmonic = values.reduce((sum, _, index) => sum + 1 / (index + 1), 0);
          expect(all.reduce((sum, one) => sum + reciprocalRank(one), 0)).toBeCloseTo(harmonic, 9);
        },
      ),
    );
  });
});

describe('retrieval of a small table by hand', () => {
  // Documents a (rows 0, 1) and b (row 2).
  const similarity = [
    [0.2, 0.9, 0.5],
    [0.1, 0.7, 0.6],
    [0.8, 0.3, 0.4],
  ];
  const scores = scoreRetrieval(similarity, ['a', 'a', 'b'], k);

  it('ranks rows and documents', () => {
    expect([0, 1, 2].map((row) => scores.score('top1', row, row))).toEqual([0, 1, 0]);
    expect([0, 1, 2].map((row) => scores.score('topK', row, row))).toEqual([0, 1, 1]);
    expect([0, 1, 2].map((row) => scores.score('percentile', row, row))).toEqual([0, 1, 0.5]);
    expect([0, 1, 2].map((row) => scores.score('documentTop1', row, row))).toEqual([1, 1, 0]);
    expect(scores.score('gap', 0, 0)).toBeCloseTo(0.9 - 0.5, 12);
    expect(scores.score('gap', 1, 1)).toBeCloseTo(0.1 - 0.6, 12);
    expect(scores.score('gap', 2, 2)).toBeNaN();
  });

  it('adds them up, against texts exchanged between documents', () => {
    const stream = createSeedStreams(1).stream('x');
    const figures = summarizeRetrieval(scores, {
      documents: ['a', 'a', 'b'],
      bootstrap: 100,
      permutations: 400,
      random: () => stream.uniform(),
    });
    expect(figures.top1).toMatchObject({ n: 3 });
    expect(figures.top1?.value).toBeCloseTo(1 / 3, 12);
    expect(figures.gap).toMatchObject({ n: 2 });
    // Texts 0 1 2 or 1 0 2 for rows 0 1 2 hit once, 2 0 1 and 2 1 0 hit twice.
    expect(figures.top1?.chance).toBeCloseTo((1 / 3 + 2 / 3) / 2, 1);
    expect(figures.top1?.p).toBe(1);
  });
});

const things = ['oak', 'tiger', 'river', 'hammer', 'senate', 'cello', 'bread', 'comet', 'silk', 'fever', 'castle', 'poem'];
const colours = ['red', 'green', 'blue', 'white', 'black'];
const random = createSeedStreams(5).stream('vectors');
const table = new Map([...things, ...colours, 'base'].map((name) => [name, Float32Array.from({ length: 32 }, () => random.normal())]));

function vectorOf(words: readonly string[]): Float32Array {
  return Float32Array.from({ length: 32 }, (_, at) => [...words, 'base'].reduce((sum, word) => sum + (table.get(word)?.[at] ?? 0), 0));
}
const rows: NlaRow[] = Array.from({ length: 60 }, (_, index) => {
  const words = [things[index % 12] ?? '', colours[Math.floor(index / 12)] ?? ''];
  return {
    id: `r${index}`,
    documentId: `d${Math.floor(index / 2)}`,
    vector: vectorOf(words).map((value) => value + 0.1 * random.normal()),
    text: `number ${index} is about ${words.join(' and ')} ${'.'.repeat(index)}`,
    explanation: `thing: ${words[0]}. colour: ${words[1]}.`,
    rawTokens: 5,
  };
});
const honest = (row: NlaRow) => row.explanation ?? '';
const read = (text: string) => vectorOf(text.split(/[^a-z]+/).filter((word) => table.has(word)));
const options = optionsSchema.parse({ bootstrap: 200, permutations: 400 });
const extensions: Extensions = { transforms: [emptyTransform, shuffleWords, dropClaim] };

async function run(
  say: (row: NlaRow, index: number) => string | null = honest,
  reads: (text: string) => Float32Array = read,
  measured: readonly NlaRow[] = rows,
  added: Extensions = extensions,
) {
  const seeds = createSeedStreams(0);
  const measurement = await measureRetrieval({
    rows: measured,
    verbalizer: {
      explain: (vectors) =>
        Promise.resolve(
          vectors.map((vector): Explanation => {
            const index = measured.findIndex((row) => row.vector === vector);
            const explanation = say(measured[index] as NlaRow, index);
            return { text: `<explanation>${explanation ?? ''}`, explanation, tokens: new Int32Array(4), stopped: true };
          }),
        ),
    },
    reconstructor: { reconstruct: (texts) => Promise.resolve(texts.map(reads)) },
    options,
    extensions: added,
    context: { seeds, signal: new AbortController().signal, log: silent },
  });
  const baselines = constantBaselines(measured.map(({ vector }) => vector));
  const summary = summarizeMeasurement(measurement, baselines, added.transforms, options, seeds);
  return { measurement, summary, headline: headlineOf(summary), stored: storedRows(measurement), baselines };
}

describe('an AV that says what its row is about', () => {
  it('finds text, label and vector again', async () => {
    const { summary, headline } = await run();
    expect(Object.keys(summary.tables)).toEqual(
      ['text', 'gold']
        .flatMap((target) => ['full', 'bare'].flatMap((form) => ['words', 'characters'].map((by) => `${target}/${by}/${form}`)))
        .concat('vector/reconstruction/full'),
    );
    for (const { statistics, adjustedP } of Object.values(summary.tables)) {
      expect(statistics.top1?.value).toBeGreaterThan(0.95);
      expect(statistics.top1?.p).toBeCloseTo(1 / 401, 12);
      expect(adjustedP).toBeCloseTo(9 / 401, 12);
      expect(statistics.top1?.chance).toBeLessThan(0.05);
    }
    expect(summary.template).toEqual({ words: ['colour', 'thing'], labels: ['colour', 'thing'], emptyWithout: 0 });
    const named = new Set(headlineColumns(summary).flatMap(({ figure, interval = [] }) => [figure, ...interval]));
    expect([...named].filter((figure) => headline[figure] === undefined)).toEqual([]);
    expect(headline).toMatchObject({ n: 60, distinct: 60, goldTop1: 1 });
    expect(summary.diversity.band).toBe('fine');
  });

  it('loses by what is taken out of its words, and by no more than by all of them', async () => {
    const { summary } = await run();
    const { empty, 'shuffle-words': shuffled, 'drop-claim': dropped } = summary.transforms;
    expect(empty?.drop?.low).toBeGreaterThan(0.1);
    expect(empty?.ofEmpty).toBeCloseTo(1, 12);
    // This AR reads a bag of words.
    expect(shuffled?.drop).toMatchObject({ value: 0, p: 1 });
    expect(dropped?.drop?.low).toBeGreaterThan(0.05);
    expect(dropped?.ofEmpty).toBeLessThan(1);
    expect(Object.keys(dropped?.parts ?? {})).toEqual(['colour', 'thing']);
    expect(dropped?.parts['thing']?.n).toBe(60);
  });

  it('gives a summary whose numbers come out of the stored rows again', async () => {
    const { summary, stored } = await run();
    const { seedName, bootstrap, permutations } = options;
    const provenance = { seed: 0, seedName, statistics: { bootstrap, permutations } };
    const evaluation = JSON.parse(JSON.stringify({ evaluator: '@nlakit/evaluator-retrieval', rows: stored, summary, provenance })) as {
      readonly rows: readonly { readonly cosine: number }[];
    };
    const found = recheck(evaluation);
    expect(found).toMatchObject({ kind: 'retrieval', differences: [] });
    expect(found?.checked).toBeGreaterThan(150);
    expect(
      found?.notComputed.filter(
        (path) =>
          !/^tables\.(text|gold)\/.*\.(chance|p|z)$|adjustedP$|distinct[12]$|selfSimilarity|bigramJaccard|prefixes60In30|^(topK|documentTopK|rho)$/.test(
            path,
          ),
      ),
    ).toEqual([]);
    const [first, ...others] = evaluation.rows;
    const changed = recheck({ ...evaluation, rows: [{ ...first, cosine: (first?.cosine ?? 0) + 1e-6 }, ...others] });
    expect(changed?.differences.map(({ path }) => path)).toContain('cosine.value');
  });

  it('can be recomputed from the stored rows', async () => {
    const { summary, stored, baselines } = await run();
    const again = JSON.parse(JSON.stringify(stored)) as {
      cosine: number;
      explanation: string;
      text: string;
      documentId: string;
      retrieval: Record<string, { better: number; tied: number; documentBetter: number; gap: number | null }>;
      similarities: Record<string, number[]>;
      transforms: Record<string, { text: string; cosine: number }[]>;
    }[];
    for (const [name, { statistics }] of Object.entries(summary.tables)) {
      const own = again.map(({ retrieval }) => retrieval[name] ?? { better: NaN, tied: NaN, documentBetter: NaN, gap: null });
      // Written out once more instead of called.
      expect(statistics.top1?.value).toBeCloseTo(mean(own.map(({ better, tied }) => (better === 0 ? 1 / (tied + 1) : 0))), 12);
      expect(statistics.percentile?.value).toBeCloseTo(mean(own.map(({ better, tied }) => 1 - (better + tied / 2) / 59)), 12);
      expect(statistics.gap?.value).toBeCloseTo(mean(own.flatMap(({ gap }) => (gap === null ? [] : [gap]))), 12);
    }
    const across = again.map(({ similarities }) => similarities['vector/reconstruction/full'] ?? []);
    across.forEach((values, row) => {
      expect(values).toHaveLength(60);
      expect(values[row]).toBe(again[row]?.cosine);
      expect(values.filter((value) => value > (values[row] ?? NaN))).toHaveLength(
        again[row]?.retrieval['vector/reconstruction/full']?.better ?? NaN,
      );
    });
    expect(summary.cosine.value).toBeCloseTo(mean(again.map((row) => row.cosine)), 12);
    expect(summary.fveNrm).toBeCloseTo(1 - (2 * (1 - mean(again.map((row) => row.cosine)))) / baselines.rawvar, 12);
    expect(summary.margin.value).toBeCloseTo(
      mean(across.map((values, row) => (values[row] ?? NaN) - mean(values.filter((_, other) => other !== row)))),
      12,
    );
    for (const [name, { drop, applied }] of Object.entries(summary.transforms)) {
      const changed = again.filter(({ transforms }) => (transforms[name] ?? []).length > 0);
      expect(applied).toBe(changed.length);
      const drops = changed.map((row) => row.cosine - mean((row.transforms[name] ?? []).map((variant) => variant.cosine)));
      expect(drop?.value).toBeCloseTo(mean(drops), 12);
    }
    expect(summary.diversity.distinct).toBe(new Set(again.map(({ explanation }) => explanation)).size);
  });

  it('gives the same figures again, and the same for fewer transforms', async () => {
    const [first, second] = [await run(), await run()];
    expect(JSON.stringify([second.summary, second.stored])).toBe(JSON.stringify([first.summary, first.stored]));
    const fewer = await run(honest, read, rows, { transforms: [shuffleWords] });
    expect(fewer.stored[0]?.['transforms']).toEqual({
      'shuffle-words': (first.stored[0]?.['transforms'] as Record<string, unknown>)['shuffle-words'],
    });
  });
});

describe('what must not look like success', () => {
  it('an AV that says the same of every row is at chance, exactly, in every table', async () => {
    for (const text of ['thing: oak. colour: red.', '', null]) {
      const { summary } = await run(() => text);
      for (const { statistics, adjustedP } of Object.values(summary.tables)) {
        expect(statistics.top1?.value).toBeCloseTo(1 / 60, 9);
        expect(statistics.percentile?.value).toBeCloseTo(0.5, 9);
        expect(statistics).toMatchObject({ top1: { p: 1, z: null }, percentile: { p: 1 } });
        expect(adjustedP).toBe(1);
      }
      expect(summary.diversity).toMatchObject({
        distinct: 1,
        mostFrequentShare: 1,
        selfSimilarity: text ? expect.closeTo(1, 9) : 0,
        band: 'collapsed',
      });
      expect(summary.margin.value).toBeCloseTo(0, 9);
    }
  });

  it('explanations of other rows are at chance, within what permutations give', async () => {
    const order = createSeedStreams(9).stream('order').shuffle(rows);
    const { summary } = await run((_, index) => honest(order[index] as NlaRow));
    for (const { statistics } of Object.values(summary.tables)) {
      expect(statistics.percentile?.p).toBeGreaterThan(0.01);
      expect(Math.abs((statistics.percentile?.value ?? NaN) - 0.5)).toBeLessThan(0.15);
    }
  });

  it('a template around nothing: whole texts match by chance, bare ones are empty', async () => {
    const { summary } = await run(() => 'thing: something. colour: some.');
    expect(summary.template.emptyWithout).toBe(60);
    expect(summary.diversityWithoutTemplate.emptyShare).toBe(1);
  });

  it('an AR that ignores its text: nothing is lost whatever is changed, and no vector is found', async () => {
    const { summary } = await run(honest, () => vectorOf([]));
    for (const { drop } of Object.values(summary.transforms)) expect(drop).toMatchObject({ value: 0, p: 1 });
    expect(summary.transforms['empty']?.ofEmpty).toBeNull();
    expect(summary.tables['vector/reconstruction/full']?.statistics.top1?.value).toBeCloseTo(1 / 60, 9);
  });
});

describe('what is not there', () => {
  it('texts and labels are left out and told', async () => {
    const bare = rows.map(({ text: _, explanation: __, ...row }) => row);
    const { summary, measurement } = await run((_, index) => `word ${index}`, read, bare);
    expect(Object.keys(summary.tables)).toEqual(['vector/reconstruction/full']);
    expect(measurement.warnings.map(({ code }) => code)).toEqual(['W_RETRIEVAL_TARGET', 'W_RETRIEVAL_TARGET']);
  });

  it('long sources are also matched by their ends', async () => {
    const long = rows.map((row) => ({ ...row, text: `${'filler '.repeat(60)}${row.text ?? ''}` }));
    const { summary } = await run(honest, read, long);
    expect(summary.tables['text/words/tail']?.statistics.top1?.value).toBeGreaterThan(0.9);
  });
});

it('uses an embedder where there is one, and refuses what it cannot use', async () => {
  const { summary, stored } = await run(honest, read, rows, { transforms: [], embedder: (texts) => Promise.resolve(texts.map(read)) });
  expect(summary.tables['gold/embedding/full']?.statistics.top1?.value).toBeCloseTo(1, 9);
  const row = stored[3] as { similarities: Record<string, number[]> };
  expect(row.similarities['gold/embedding/full']?.[7]).toBeCloseTo(
    cosine(read(honest(rows[3] as NlaRow)), read(honest(rows[7] as NlaRow))),
    12,
  );
  for (const answer of [[], [[1], [NaN]], [[1], [1, 2]]]) {
    await expect(run(honest, read, rows.slice(0, 4), { transforms: [], embedder: () => Promise.resolve(answer) })).rejects.toMatchObject({
      code: 'E_EMBEDDER_RESULT',
    });
  }
});

it('is a plugin of kind evaluator with strict options', () => {
  expect(plugin).toMatchObject({ kind: 'evaluator', name: '@nlakit/evaluator-retrieval' });
  expect(optionsSchema.parse({ at: [50] })).toMatchObject({ rows: 200, permutations: 5000, templateShare: 0.9 });
  expect(optionsSchema.safeParse({ row: 1 }).success).toBe(false);
});
