import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { claimsOf, dropClaim, paraphraseTransform, shuffleSentences, shuffleWords } from './built-in-transforms.js';
import { expectedDistinct, measureDiversity } from './diversity.js';
import { characterAnalyzer, tfidfSimilarity, wordAnalyzer } from './index.js';
import { findTemplate, stripTemplate } from './strip-template.js';
import { createSeedStreams } from '@nlakit/run';

interface Golden {
  readonly texts: string[];
  readonly candidates: string[];
  readonly words: number[][];
  readonly wordsWithoutStopWords: number[][];
  readonly characters: number[][];
}
const golden = JSON.parse(readFileSync(new URL('./__fixtures__/tfidf.json', import.meta.url), 'utf8')) as Golden;
const signal = new AbortController().signal;

describe('TF-IDF', () => {
  for (const [name, analyzer] of [
    ['words', wordAnalyzer()],
    ['wordsWithoutStopWords', wordAnalyzer(['a', 'The', 'of'])],
    ['characters', characterAnalyzer],
  ] as const) {
    it(`of ${name} is that of scikit-learn`, () => {
      const found = tfidfSimilarity(golden.texts, golden.candidates, analyzer);
      golden[name].forEach((row, text) => row.forEach((value, candidate) => expect(found[text]?.[candidate]).toBeCloseTo(value, 12)));
    });
  }

  it('can be worked out by hand', () => {
    // Two documents "x y" and "x": idf(x) = ln(3/3) + 1 = 1, idf(y) = ln(3/2) + 1; pairs: "x y" once.
    const rare = Math.log(1.5) + 1;
    expect(tfidfSimilarity(['x y'], ['x'], wordAnalyzer())[0]?.[0]).toBeCloseTo(1 / Math.sqrt(1 + 2 * rare * rare), 12);
  });

  it('gives cosines: between 0 and 1, 1 for a text and itself, symmetric', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme', maxLength: 30 }), { minLength: 1, maxLength: 6 }), (texts) => {
        for (const analyzer of [wordAnalyzer(), characterAnalyzer]) {
          const found = tfidfSimilarity(texts, texts, analyzer);
          texts.forEach((text, a) => {
            expect(found[a]?.[a]).toBeCloseTo(analyzer.terms(text).length === 0 ? 0 : 1, 9);
            texts.forEach((_, b) => {
              expect(found[a]?.[b]).toBeCloseTo(found[b]?.[a] ?? NaN, 12);
              expect(found[a]?.[b]).toBeGreaterThanOrEqual(0);
              expect(found[a]?.[b]).toBeLessThanOrEqual(1 + 1e-12);
            });
          });
        }
      }),
    );
  });
});

describe('the template', () => {
  const texts = [
    'topic: animal. a kind of dog. last: the.',
    'topic: body. a kind of bone. last: of.',
    'topic: time. a kind of hour. last: in.',
    '',
  ];

  it('is what nearly all explanations hold', () => {
    expect(findTemplate(texts, 0.9)).toEqual({ words: ['a', 'kind', 'last', 'of', 'topic'], labels: ['last', 'topic'] });
    expect(findTemplate(['', ''], 0.9)).toEqual({ words: [], labels: [] });
  });

  it('goes, the rest stays', () => {
    const template = findTemplate(texts, 0.9);
    expect(texts.map((text) => stripTemplate(text, template))).toEqual(['animal. dog. the.', 'body. bone. .', 'time. hour. in.', '']);
  });

  it('of texts that are all the same is the whole text', () => {
    const same = Array.from({ length: 5 }, () => 'topic: animal. it is big!');
    expect(stripTemplate(same[0] ?? '', findTemplate(same, 0.9))).toBe('');
  });
});

describe('diversity', () => {
  it('by hand', () => {
    const found = measureDiversity(['a b', 'a b', 'a b', 'c d']);
    expect(found).toMatchObject({
      n: 4,
      distinct: 2,
      mostFrequent: 'a b',
      mostFrequentShare: 0.75,
      distinct1: 0.5,
      distinct2: 0.5,
      band: null,
    });
    expect(found.entropy).toBeCloseTo(-(0.75 * Math.log2(0.75) + 0.25 * Math.log2(0.25)), 12);
    expect(found.evenness).toBeCloseTo(found.entropy / 2, 12);
    // Of six pairs three are equal and three share nothing.
    expect(found.bigramJaccard).toBeCloseTo(0.5, 12);
    expect(found.selfSimilarity).toBeCloseTo(0.5, 12);
  });

  it('knows collapsed from fine, at any number of rows', () => {
    for (const n of [30, 90]) {
      expect(measureDiversity(Array.from({ length: n }, () => 'same')).band).toBe('collapsed');
      expect(measureDiversity(Array.from({ length: n }, (_, index) => `text ${index}`)).band).toBe('fine');
      expect(measureDiversity(Array.from({ length: n }, (_, index) => `text ${index % 14}`)).band).toBe('ambiguous');
    }
    expect(measureDiversity(['', '', '']).distinct1).toBeNull();
  });

  it('rarefies: two kinds of two, two drawn', () => {
    // Both of one kind in 2 of 6 draws: 1 + 4/6 kinds.
    expect(expectedDistinct([2, 2], 2)).toBeCloseTo(1 + 4 / 6, 12);
    expect(expectedDistinct([3, 1], 4)).toBe(2);
  });
});

describe('transforms', () => {
  const text = 'topic: animal. a kind of dog. last: the.';

  it('take claims apart and leave each out in turn', async () => {
    expect(claimsOf(text)).toEqual(['topic: animal.', 'a kind of dog.', 'last: the.']);
    expect(await dropClaim.apply([text, 'one claim', ''], { random: createSeedStreams(1).stream('test'), signal })).toEqual([
      [
        { text: 'a kind of dog. last: the.', part: 'topic' },
        { text: 'topic: animal. last: the.', part: 'sentence 2' },
        { text: 'topic: animal. a kind of dog.', part: 'last' },
      ],
      [],
      [],
    ]);
  });

  it('shuffle without losing anything, and leave out what they cannot change', async () => {
    for (const [transform, parts] of [
      [shuffleWords, (list: string) => list.split(/\s+/)],
      [shuffleSentences, claimsOf],
    ] as const) {
      const found = await transform.apply([text, 'word', ''], { random: createSeedStreams(4).stream('test'), signal });
      expect(parts(found[0]?.[0]?.text ?? '').sort()).toEqual(parts(text).sort());
      expect(found[0]?.[0]?.text).not.toBe(text);
      expect(found.slice(1)).toEqual([[], []]);
    }
  });

  it('paraphrase each different text once, and refuse answers that do not fit', async () => {
    const asked: string[][] = [];
    const transform = paraphraseTransform((texts) => {
      asked.push([...texts]);
      return Promise.resolve(texts.map((one) => `so: ${one}`));
    });
    expect(await transform.apply(['a', 'b', 'a', ''], { random: createSeedStreams(1).stream('test'), signal })).toEqual([
      [{ text: 'so: a' }],
      [{ text: 'so: b' }],
      [{ text: 'so: a' }],
      [],
    ]);
    expect(asked).toEqual([['a', 'b']]);
    const short = paraphraseTransform(() => Promise.resolve(['only one']));
    await expect(short.apply(['a', 'b'], { random: createSeedStreams(1).stream('test'), signal })).rejects.toMatchObject({
      code: 'E_PARAPHRASER_RESULT',
    });
  });
});
