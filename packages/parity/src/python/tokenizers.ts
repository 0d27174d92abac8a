import path from 'node:path';
import { readTokenizer } from '@nlakit/model-gemma4';
import { createSeedStreams } from '@nlakit/run';
import { modelFolder } from '@nlakit/tiny-gemma4';
import type { Comparison } from '../comparison.js';
import { fixture, readGolden } from '../fixtures.js';
import type { Lab } from './lab.js';

interface Outcome {
  readonly ids: readonly (readonly number[])[];
  readonly decoded: readonly string[];
  readonly texts: readonly string[];
}

/** A further tokenizer to compare, such as that of a downloaded Gemma: `name=folder with tokenizer.json`. */
const [, furtherName, furtherFolder] = /^([^=]+)=(.+)$/.exec(process.env['NLAKIT_TOKENIZER'] ?? '') ?? [];

/** Texts that every run makes anew from the same seed, besides those of the golden files. */
const randomTexts = 1500;
const randomLists = 500;

/** Ids and texts in both tokenizers libraries. */
export function tokenizerComparisons(lab: Lab): Comparison[] {
  const { versions } = lab.python;
  const common = { group: 'python: tokenizers', reference: `tokenizers ${versions['tokenizers']}`, place: 'host' } as const;
  const folders: Record<string, string> = {
    'Gemma-like, byte fallback': fixture('model', 'tokenizer', 'gemma-like'),
    'bundled model, byte level': modelFolder,
    ...(furtherName === undefined || furtherFolder === undefined ? {} : { [furtherName]: furtherFolder }),
  };
  const texts = allTexts();
  const idLists = async (name: string): Promise<number[][]> => {
    const { vocabularySize } = await readTokenizer(folders[name] ?? '');
    const random = createSeedStreams(7).stream(`ids ${name}`);
    return Array.from({ length: randomLists }, () =>
      Array.from({ length: 1 + random.integer(20) }, () => random.integer(vocabularySize + 3)),
    );
  };
  const outcome = (): Promise<Record<string, Outcome>> =>
    lab.once('tokenizers', async () => {
      const names = Object.keys(folders);
      const tokenizers = Object.fromEntries(names.map((name) => [name, path.join(folders[name] ?? '', 'tokenizer.json')]));
      const lists: Record<string, number[][]> = {};
      for (const name of names) lists[name] = await idLists(name);
      return lab.python.run<Record<string, Outcome>>('tokens.py', { tokenizers, texts, idLists: lists });
    });
  return Object.entries(folders).flatMap(([name, folder]): Comparison[] => [
    {
      ...common,
      comparison: `ids and decoded text of ${texts.length} texts: ${name}`,
      quantity: 'texts that differ',
      tolerance: 0,
      async run() {
        const tokenizer = await readTokenizer(folder);
        const expected = (await outcome())[name];
        const wrong = texts.filter((text, index) => {
          const ids = tokenizer.encode(text);
          return ids.join() !== expected?.ids[index]?.join() || tokenizer.decode(ids) !== expected.decoded[index];
        });
        const about = `sha256 of tokenizer.json ${tokenizer.sha256.slice(0, 12)}…, ${tokenizer.vocabularySize} ids`;
        return { maxError: wrong.length, note: [about, ...wrong.slice(0, 5).map((text) => JSON.stringify(text))].join('; ') };
      },
    },
    {
      ...common,
      comparison: `text of ${randomLists} random lists of ids: ${name}`,
      quantity: 'lists that differ',
      tolerance: 0,
      async run() {
        const tokenizer = await readTokenizer(folder);
        const expected = (await outcome())[name]?.texts ?? [];
        const lists = await idLists(name);
        const wrong = lists.filter((ids, index) => tokenizer.decode(ids, { skipSpecial: true }) !== expected[index]);
        return {
          maxError: wrong.length,
          note: wrong
            .slice(0, 3)
            .map((ids) => ids.join(' '))
            .join('; '),
        };
      },
    },
  ]);
}

const pieces = [
  ' ',
  '  ',
  '   ',
  '\n',
  '\n\n',
  '\t',
  '\r\n',
  '0',
  '7',
  '42',
  '1999',
  '3.14',
  '.',
  ',',
  '!',
  '?',
  "'s",
  '"',
  '(',
  ')',
  '-',
  '/',
  '\\',
  'a',
  'the',
  'The',
  'bird',
  'birds',
  ' explanation',
  'stream',
  'über',
  'é',
  'e\u0301',
  'ß',
  'Ω',
  'ж',
  'мир',
  '日',
  '本語',
  '한',
  'ع',
  'ह',
  '😀',
  '👩‍👩‍👧',
  '🇺🇳',
  '㊗',
  '㈀',
  '㊿',
  '\u2581',
  '<b>',
  '</b>',
  '<br>',
  '<p class="x">',
  '<bos>',
  '<eos>',
  '<|turn>',
  '<turn|>',
  '<explanation>',
  '</concept>',
  '\u00a0',
  '\u200b',
  '\ufeff',
  '\u0000',
  '\u2028',
  '𝔘',
  '\ufffd',
  'x=1;',
  '{}',
  '[0]',
  '&amp;',
  '_',
  '__init__',
] as const;

function allTexts(): string[] {
  const golden = readGolden<{ cases: readonly { readonly text: string }[] }>('model', 'tokenizer', 'gemma-like.json');
  const random = createSeedStreams(7).stream('texts');
  const made = Array.from({ length: randomTexts }, () =>
    Array.from({ length: 1 + random.integer(24) }, () => pieces[random.integer(pieces.length)] ?? '').join(''),
  );
  return [...golden.cases.map(({ text }) => text), ...made];
}
