import { cosine } from '@nlakit/metrics';
import { createSeedStreams } from '@nlakit/run';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { goodAv, options, output, readText, rows, run } from './__fixtures__/small-world.js';
import { DEFAULT_FORM, explanationForm, HEADLINE_COLUMNS, optionsSchema, plugin } from './index.js';
import { swapsOf } from './options.js';
import { sameTokenPartners } from './same-token-partners.js';

const form = explanationForm(DEFAULT_FORM);

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
    const named = new Set(HEADLINE_COLUMNS.flatMap(({ figure, interval = [] }) => [figure, ...interval]));
    expect([...named].filter((figure) => headline[figure] === undefined)).toEqual([]);
    expect(headline.topicAccuracy).toBeGreaterThan(0.8);
    expect(headline.retrievalAccuracy).toBeLessThanOrEqual(1);
    expect(Object.keys(summary.conditions)).toEqual([
      'AV_OUT',
      'GOLD',
      'SHUFFLED',
      'SHUFFLED_SAME_TOKEN',
      'EMPTY',
      'RANDOM',
      'GIBBER',
      'TEMPLATE',
      'MEAN',
      'ZERO_INJECTION',
      'RANDOM_DIRECTION',
      'SWAP_TOPIC',
      'SWAP_LAST',
      'GOLD_SHUFFLED',
      'GOLD_SWAP_TOPIC',
      'GOLD_SWAP_LAST',
    ]);
  });

  it('stores texts that give the stored cosines', async () => {
    const { stored } = await run();
    const again = JSON.parse(JSON.stringify(stored)) as typeof stored;
    for (const [index, row] of again.entries()) {
      for (const [condition, text] of Object.entries(row.texts)) {
        expect(row.cosines[condition]).toBeCloseTo(cosine(rows[index]?.vector ?? [], readText(text)), 12);
      }
      // Each row's SHUFFLED text is another document's AV text.
      const partner = again.find(({ id }) => id === row.shuffledFrom);
      expect(partner?.documentId).not.toBe(row.documentId);
      expect(row.texts.SHUFFLED).toBe(partner?.explanation);
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

it('unlabelled rows leave GOLD out and say so; free text leaves the swaps out', async () => {
  const bare = rows.map(({ explanation: _, fields: __, ...row }) => row);
  const { summary, measurement } = await run({
    av: (vectors) => vectors.map((vector) => output(`free text ${vector[0]}`)),
    measured: bare,
  });
  expect(measurement.warnings.map(({ code }) => code)).toEqual(['W_H5_UNLABELLED']);
  expect(summary.conditions.GOLD).toBeUndefined();
  expect(summary.conditions.SWAP_TOPIC).toBeUndefined();
  expect(summary.fieldAccuracy).toEqual({});
});

describe('the form of explanations', () => {
  it('takes texts apart and puts them together', () => {
    expect(form.parse('topic: body. a kind of St. John. last: e.g. next: that.')).toEqual({
      topic: 'body',
      hypernym: 'St. John',
      last: 'e.g',
      next: 'that',
    });
    expect(form.write({ topic: 'a', hypernym: 'b', last: 'c', next: 'd' })).toBe('topic: a. a kind of b. last: c. next: d.');
    expect(form.parse('topic: body. a kind of vein. last:')).toBeUndefined();
  });

  it('may be any template whose fields something separates', () => {
    const other = explanationForm('(1) {genre}; [2] {next_word}?');
    expect(other.parse('(1) a (b); c; [2] x?')).toEqual({ genre: 'a (b); c', next_word: 'x' });
    for (const wrong of ['no field', '{one}{two}', '{one} and {one}']) expect(() => explanationForm(wrong)).toThrow(/form of explanations/);
  });

  it('gives back what it wrote', () => {
    const word = fc.stringMatching(/^[a-z]{1,8}$/);
    fc.assert(
      fc.property(fc.record({ topic: word, hypernym: word, last: word, next: word }), (fields) => {
        expect(form.parse(form.write(fields))).toEqual(fields);
      }),
    );
  });
});

describe('SHUFFLED_SAME_TOKEN', () => {
  it('takes a row of another document with the same token, and shows what is said beyond it', async () => {
    const { stored, summary, headline } = await run();
    const byId = new Map(stored.map((row) => [row.id, row]));
    for (const row of stored) {
      const partner = byId.get(row.shuffledSameTokenFrom ?? '');
      expect(partner?.token).toBe(row.token);
      expect(partner?.documentId).not.toBe(row.documentId);
    }
    const { SHUFFLED: any, SHUFFLED_SAME_TOKEN: same } = summary.differences;
    expect(same?.low).toBeGreaterThan(0);
    expect(same?.value).toBeLessThan((any?.value ?? NaN) / 3);
    expect(headline).toMatchObject({ sameTokenDifference: same?.value, sameTokenRows: 100 });
    expect(summary.checks).toEqual({ AV_READS_VECTOR: true, AV_SAYS_MORE_THAN_TOKEN: true, AR_READS_TEXT: true, BEATS_CONSTANT: true });
  });

  it('is zero for an AV that reads nothing but the token, however large AV_OUT − SHUFFLED is', async () => {
    const onlyToken = await run({
      av: (vectors) =>
        vectors.map((vector) =>
          output(form.write({ ...form.parse(goodAv([vector])[0]?.explanation ?? ''), topic: 'time', hypernym: 'x' })),
        ),
    });
    expect(onlyToken.summary.differences.SHUFFLED?.low).toBeGreaterThan(0.2);
    expect(onlyToken.summary.checks).toMatchObject({ AV_READS_VECTOR: true, AV_SAYS_MORE_THAN_TOKEN: false });
  });

  it('leaves rows without a partner out of that comparison only', async () => {
    const alone = rows.map((row, index) => (index < 7 ? { ...row, token: `unique ${index}` } : row));
    const { summary, stored } = await run({ measured: alone });
    expect(summary.withoutPartner).toEqual({ SHUFFLED_SAME_TOKEN: 7 });
    expect(summary.conditions.SHUFFLED_SAME_TOKEN?.n).toBe(93);
    expect(summary.differences.SHUFFLED_SAME_TOKEN?.n).toBe(93);
    expect(summary.differences.SHUFFLED?.n).toBe(100);
    expect(stored[0]).toMatchObject({ shuffledSameTokenFrom: null, cosines: { SHUFFLED_SAME_TOKEN: null } });
  });

  it('is left out, with a warning, where no token is shared or known', async () => {
    const { summary, measurement } = await run({ measured: rows.map((row, index) => ({ ...row, token: `unique ${index}` })) });
    expect(measurement.warnings.map(({ code }) => code)).toEqual(['W_H5_SAME_TOKEN']);
    expect(summary.conditions.SHUFFLED_SAME_TOKEN).toBeUndefined();
    expect(summary.checks.AV_SAYS_MORE_THAN_TOKEN).toBeNull();
    expect(Object.keys(summary.family)).toEqual(['SHUFFLED', 'EMPTY']);
  });

  it('pairs one to one where it can, and any with any where one document has most rows', () => {
    const documents = ['a', 'a', 'b', 'c', 'a', 'a', 'a', 'd'];
    const tokens = ['x', 'x', 'x', 'x', 'y', 'y', 'y', 'y'];
    const stream = createSeedStreams(4).stream('pairs');
    const partners = sameTokenPartners(tokens, documents, stream);
    expect(new Set(partners.slice(0, 4)).size).toBe(4);
    partners.forEach((partner, row) => {
      expect(documents[partner ?? row]).not.toBe(documents[row]);
      expect(tokens[partner ?? row]).toBe(tokens[row]);
    });
    expect(sameTokenPartners([undefined, undefined, 'z'], ['a', 'b', 'c'], stream)).toEqual([null, null, null]);
  });
});

describe('the effects of the family', () => {
  it('are corrected for each other', async () => {
    const { summary } = await run();
    expect(Object.keys(summary.family)).toEqual(['SHUFFLED', 'SHUFFLED_SAME_TOKEN', 'EMPTY']);
    for (const [name, { p, pHolm }] of Object.entries(summary.family)) {
      expect(p).toBe(summary.differences[name]?.p);
      expect(pHolm).toBeGreaterThan(p);
    }
  });
});

describe('the dialect of the SolshineCode releases', () => {
  const given = { ...options, dialect: 'solshine' as const };

  it('gives the AR the whole output with its tags, also in what is made of outputs', async () => {
    const { stored, asked } = await run({ given });
    const [row] = stored;
    expect(row?.texts.AV_OUT).toBe(row?.output);
    expect(row?.texts.SWAP_TOPIC).toMatch(/^<explanation>topic: .*<\/explanation>$/);
    expect(row?.texts.GOLD).toBe(row?.gold);
    expect(asked[0]).toContain(stored.find(({ id }) => id === row?.shuffledFrom)?.output);
  });

  it('counts empty outputs as ever, and reports what the published procedure would', async () => {
    const empty = { ...output(null), text: '' };
    const { summary } = await run({ given, av: (vectors) => goodAv(vectors).map((one, index) => (index % 5 === 0 ? empty : one)) });
    expect(summary.n).toBe(100);
    expect(summary.conditions.AV_OUT?.n).toBe(100);
    expect(summary.published).toMatchObject({ n: 80, dropped: 20 });
    expect((await run()).summary.published).toBeNull();
  });
});

describe('swaps', () => {
  it('can be of any fields of any form', async () => {
    const given = optionsSchema.parse({
      ...options,
      form: DEFAULT_FORM,
      swaps: { SWAP_NEXT: ['next'], SWAP_ALL: ['topic', 'hypernym', 'last', 'next'] },
    });
    const { summary, stored } = await run({ given });
    expect(Object.keys(summary.unswapped)).toEqual(['SWAP_NEXT', 'SWAP_ALL', 'GOLD_SWAP_NEXT', 'GOLD_SWAP_ALL']);
    expect(summary.conditions.SWAP_ALL?.meaning).toBe(
      'AV_OUT with topic, hypernym, last and next from another row’s explanation, the rest kept',
    );
    expect(stored[0]?.texts.SWAP_ALL).toBe(stored[0]?.texts.SHUFFLED);
    expect(summary.differences.SWAP_NEXT?.value).toBe(0);
  });

  it('are checked against the form', () => {
    expect(() => optionsSchema.parse({ swaps: { SWAP_GENRE: ['genre'] } })).toThrow(/genre is no field/);
    expect(swapsOf(optionsSchema.parse({ form: '{genre}: {style}' }))).toEqual({ SWAP_GENRE: ['genre'], SWAP_STYLE: ['style'] });
    expect(() => optionsSchema.parse({ form: 'nothing' })).toThrow(/form of explanations/);
    expect(() => optionsSchema.parse({ minNewTokens: 50 })).toThrow(/maxNewTokens/);
  });
});

it('is a plugin of kind evaluator with strict options', () => {
  expect(plugin).toMatchObject({ kind: 'evaluator', name: '@nlakit/evaluator-h5' });
  expect(optionsSchema.parse({ rows: 96, at: [50, 100, 150] })).toMatchObject({ rows: 96, batch: 64, maxNewTokens: 48 });
  expect(optionsSchema.safeParse({ row: 1 }).success).toBe(false);
});
