import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PromptTemplates, Tokenizer } from '@nlakit/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { chooseTokens, findMarker, markerCacheFolder, measureTokens, scanMarkers } from '../index.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nlakit-markers-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const words = ['<pad>', '<eos>', '<bos>', '<unk>', '<concept>', '</concept>', '<text>', '</text>', '㈎', '㈜', '㊗', '>㈎', 'a', ' ', '.'];

/** Splits by longest vocabulary entry, so that `>㈎` takes the marker with it. */
function tokenizer(vocabulary: readonly string[] = words, sha256 = 'abc'): Tokenizer {
  const byLength = [...vocabulary].sort((first, second) => second.length - first.length);
  const encode = (text: string): number[] => {
    const ids: number[] = [];
    for (let at = 0; at < text.length;) {
      const match = byLength.find((word) => text.startsWith(word, at));
      ids.push(match === undefined ? 3 : vocabulary.indexOf(match));
      at += match?.length ?? 1;
    }
    return ids;
  };
  return {
    sha256,
    vocabularySize: vocabulary.length,
    bosId: 2,
    eosId: 1,
    padId: 0,
    unkId: 3,
    encode: (text, { special = false } = {}) => Int32Array.from([...(special ? [2] : []), ...encode(text)]),
    decode: (ids) => Array.from(ids, (id) => vocabulary[id] ?? '').join(''),
    idOf: (token) => (vocabulary.includes(token) ? vocabulary.indexOf(token) : undefined),
    tokenOf: (id) => vocabulary[id],
  };
}

const templates: PromptTemplates = { av: '<concept>{injection_char}</concept>', ar: '<text>{explanation}</text>', avChat: false };

describe('measureTokens', () => {
  it('takes the first character of the range, ascending, with the neighbours it has in the prompt', () => {
    expect([...scanMarkers(tokenizer())].map(({ char }) => char)).toEqual(['㈎', '㈜', '㊗']);
    expect(findMarker(tokenizer())).toEqual({ char: '㈎', id: 8 });
    expect(measureTokens(templates, tokenizer())).toEqual({
      injectionChar: '㈎',
      injectionTokenId: 8,
      leftNeighborId: 4,
      rightNeighborId: 5,
      criticSuffixIds: [7],
    });
  });

  it('passes over a character that is swallowed by its surroundings, or stands in the template already', () => {
    expect(measureTokens({ ...templates, av: 'a>{injection_char}a' }, tokenizer())).toMatchObject({
      injectionChar: '㈜',
      leftNeighborId: 3,
    });
    expect(measureTokens({ ...templates, av: '㈎㈜ <concept>{injection_char}</concept>' }, tokenizer())).toMatchObject({
      injectionChar: '㊗',
    });
  });

  it('measures a marker that is named, and says when it cannot stand there', () => {
    expect(measureTokens(templates, tokenizer(), { marker: '㊗' })).toMatchObject({ injectionTokenId: 10 });
    for (const marker of ['㊙', 'aa', ''])
      expect(() => measureTokens(templates, tokenizer(), { marker })).toThrow(/E_MARKER_NONE|token of its own/);
    expect(() => measureTokens({ ...templates, av: '<concept>{injection_char}' }, tokenizer())).toThrow(/either side/);
  });
});

describe('chooseTokens', () => {
  it('keeps a choice per tokenizer and templates, and measures it again before using it', async () => {
    const first = await chooseTokens(templates, tokenizer(), folder);
    expect(first).toMatchObject({ source: 'measured', file: join(folder, 'abc.json') });
    expect(await chooseTokens(templates, tokenizer(), folder)).toEqual({ ...first, source: 'kept' });
    expect((await chooseTokens({ ...templates, ar: '{explanation}<text>' }, tokenizer(), folder)).source).toBe('measured');
    expect((await chooseTokens(templates, tokenizer(words, 'def'), folder)).source).toBe('measured');
    expect((await chooseTokens(templates, tokenizer(), folder)).source).toBe('kept');
    expect((await readdir(folder)).sort()).toEqual(['abc.json', 'def.json']);
  });

  it('does not believe a file that was changed, or that is another tokenizer under the same name', async () => {
    const { file, tokens } = await chooseTokens(templates, tokenizer(), folder);
    const text = await readFile(file, 'utf8');
    for (const [from, to] of [
      ['"injectionTokenId": 8', '"injectionTokenId": 9'],
      ['"leftNeighborId": 4', '"leftNeighborId": 5'],
      ['"rightNeighborId": 5', '"rightNeighborId": "5"'],
      ['㈎', '㊗'],
      ['[\n      7\n    ]', '[6]'],
      ['{', '['],
    ] as const) {
      expect(text).toContain(from);
      await writeFile(file, text.replace(from, to));
      expect(await chooseTokens(templates, tokenizer(), folder)).toMatchObject({ source: 'measured', tokens });
    }
    const other = tokenizer(words.map((word) => (word === '㈎' ? 'b' : word)));
    expect(await chooseTokens(templates, other, folder)).toMatchObject({ source: 'measured', tokens: { injectionChar: '㈜' } });
  });

  it('has a folder of its own', () => {
    expect(markerCacheFolder({ NLAKIT_CACHE: '/c' })).toBe(join('/c', 'markers'));
    expect(markerCacheFolder({ XDG_CACHE_HOME: '/x' })).toBe(join('/x', 'nlakit', 'markers'));
  });
});
