import { Tokenizer } from '@huggingface/tokenizers';
import { isHeldOut, readWordnet } from '@nlakit/wordnet';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { createCorpusEncoder } from '../recipe/corpus-encoder.js';
import { glossDocuments } from '../recipe/corpora.js';
import { tokenizerConfig, tokenizerJson } from '../recipe/tokenizer-files.js';
import { mergeInWord, trainBytePairs, type Merge } from '../recipe/train-byte-pairs.js';
import { learnedTokens, vocabularySize } from '../recipe/vocabulary.js';

describe('trainBytePairs', () => {
  it('merges the most frequent pair first and breaks ties by the smaller symbols', () => {
    // ab occurs five times, then (ab)c three times; bd and be twice each.
    const [a, b, c] = [0x61, 0x62, 0x63] as const;
    expect(trainBytePairs(['abc abc abc', 'abd', 'abd'], 3)).toEqual([
      [a, b],
      [256, c],
      [32, 257],
    ] satisfies Merge[]);
  });

  it('agrees with a trainer that counts everything anew for each merge', () => {
    const naive = (texts: string[], merges: number): Merge[] => {
      let words = texts.flatMap((text) => text.match(/ ?\p{L}+/gu) ?? []).map((word): number[] => [...Buffer.from(word)]);
      const result: Merge[] = [];
      while (result.length < merges) {
        const counts = new Map<number, number>();
        for (const word of words) {
          for (let at = 0; at + 1 < word.length; at += 1) {
            const pair = (word[at] ?? 0) * 65_536 + (word[at + 1] ?? 0);
            counts.set(pair, (counts.get(pair) ?? 0) + 1);
          }
        }
        const [best] = [...counts].sort(([p, m], [q, n]) => n - m || p - q);
        if (best === undefined) break;
        const merge: Merge = [Math.floor(best[0] / 65_536), best[0] % 65_536];
        words = words.map((word) => mergeInWord(word, merge[0], merge[1], 256 + result.length));
        result.push(merge);
      }
      return result;
    };
    const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(
        fc.array(
          fc.array(word, { minLength: 1 }).map((words) => words.join(' ')),
          { maxLength: 6 },
        ),
        (texts) => {
          expect(trainBytePairs(texts, 12)).toEqual(naive(texts, 12));
        },
      ),
    );
  });
});

describe('the tokenizer of the recipe', () => {
  let tokenizer: Tokenizer;
  let encode: (text: string) => number[];
  let glosses: string[];

  beforeAll(async () => {
    const { synsets } = await readWordnet();
    glosses = glossDocuments(synsets.filter((synset) => !isHeldOut(synset.id)).filter((_, index) => index % 20 === 0));
    const merges = trainBytePairs(glosses, learnedTokens - 256);
    expect(merges).toHaveLength(learnedTokens - 256);
    tokenizer = new Tokenizer(JSON.parse(JSON.stringify(tokenizerJson(merges))) as object, tokenizerConfig(112));
    encode = createCorpusEncoder(merges);
  });

  it('gives glosses the same ids as @huggingface/tokenizers, and the text back', () => {
    for (const text of glosses.filter((_, index) => index % 7 === 0)) {
      const { ids } = tokenizer.encode(text, { add_special_tokens: false });
      expect(encode(text)).toEqual([...ids]);
      expect(tokenizer.decode(ids, { skip_special_tokens: true })).toBe(text);
    }
  });

  it('covers any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (text) => {
        fc.pre(!/<[a-z/]+>|㊗/.test(text));
        const ids = encode(text);
        expect(ids).toEqual([...tokenizer.encode(text, { add_special_tokens: false }).ids]);
        expect(tokenizer.decode(ids, { skip_special_tokens: true })).toBe(text);
      }),
    );
  });

  it('puts <bos> first and keeps the slot three tokens long', () => {
    expect([...tokenizer.encode('<concept>㊗</concept>').ids]).toEqual([2, 4091, 4095, 4092]);
    expect(encode('<concept>㊗</concept>')).toEqual([4091, 4095, 4092]);
    const ids = tokenizer.encode('<explanation>topic: body. last: a.</explanation><concept>').ids;
    expect([ids[0], ids[1], ids.at(-2), ids.at(-1)]).toEqual([2, 4093, 4094, 4091]);
    expect(tokenizer.decode([...ids, 1], { skip_special_tokens: true })).toBe('<explanation>topic: body. last: a.</explanation><concept>');
  });

  it('has every id once', () => {
    const ids = [...tokenizer.get_vocab().values()].sort((a, b) => a - b);
    expect(ids).toEqual(Array.from({ length: vocabularySize }, (_, id) => id));
    expect(['<pad>', '<eos>', '<bos>', '<unk>'].map((token) => tokenizer.token_to_id(token))).toEqual([0, 1, 2, 3]);
  });
});
