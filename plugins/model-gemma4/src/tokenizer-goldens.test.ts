import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Tokenizer } from '@nlakit/core';
import { createTokenizer, readTokenizer } from './tokenizer.js';

// Written by scripts/python/make_tokenizer_goldens.py with the Python libraries.
const folder = fileURLToPath(new URL('./__fixtures__/tokenizer/', import.meta.url));
const tinyModel = fileURLToPath(new URL('../../../packages/tiny-gemma4/model', import.meta.url));
const read = <Golden>(name: string): Golden => JSON.parse(readFileSync(`${folder}${name}`, 'utf8')) as Golden;

interface TextCase {
  readonly name: string;
  readonly text: string;
  readonly ids: readonly number[];
  readonly tokens: readonly string[];
  readonly withSpecial: readonly number[];
  readonly decoded: string;
  readonly decodedWithoutSpecial: string;
}

type Decoding = Pick<TextCase, 'ids' | 'decoded' | 'decodedWithoutSpecial'>;

describe.each([
  ['gemma-like', `${folder}gemma-like`],
  ['tiny-gemma4', tinyModel],
])('what Python makes of a text with the tokenizer %s', (name, source) => {
  const { cases, decodings } = read<{ cases: TextCase[]; decodings: Decoding[] }>(`${name}.json`);
  const opened: Promise<Tokenizer> = readTokenizer(source);

  it.each(cases.map((one) => [one.name, one] as const))('%s', async (_name, one) => {
    const tokenizer = await opened;
    const ids = tokenizer.encode(one.text);
    expect([...ids]).toEqual(one.ids);
    expect([...ids].map((id) => tokenizer.tokenOf(id))).toEqual(one.tokens);
    expect(tokenizer.decode(ids)).toBe(one.decoded);
    expect(tokenizer.decode(ids, { skipSpecial: true })).toBe(one.decodedWithoutSpecial);
    // Python's post-processor puts a second BOS before a text that has one; here it is always one.
    const doubled = one.withSpecial[1] === tokenizer.bosId;
    expect([...tokenizer.encode(one.text, { special: true })]).toEqual(one.withSpecial.slice(doubled ? 1 : 0));
    expect(doubled).toBe(one.text.startsWith('<bos>'));
  });

  it('ids that no text gives: cut characters, ids outside the vocabulary', async () => {
    const tokenizer = await opened;
    const texts = decodings.map(({ ids }) => [tokenizer.decode(ids), tokenizer.decode(ids, { skipSpecial: true })]);
    expect(texts).toEqual(decodings.map(({ decoded, decodedWithoutSpecial }) => [decoded, decodedWithoutSpecial]));
  });

  it('has cases that would notice a wrong pipeline', () => {
    expect(cases.length).toBeGreaterThan(25);
    expect(cases.find((one) => one.name === 'one leading blank')?.tokens[0]).toMatch(/^[▁Ġ]/);
  });
});

interface ChatCase {
  readonly template: string;
  readonly name: string;
  readonly messages: readonly { readonly role: string; readonly content: string }[];
  readonly text?: string;
  readonly ids?: readonly number[];
  readonly error?: string;
}

describe('what transformers renders with a chat template', () => {
  const { templates, cases } = read<{ templates: Record<string, string>; cases: ChatCase[] }>('chat.json');
  const files = {
    tokenizerJson: readFileSync(`${folder}gemma-like/tokenizer.json`, 'utf8'),
    configJson: readFileSync(`${folder}gemma-like/tokenizer_config.json`, 'utf8'),
  };

  it.each(cases.map((one) => [one.template, one.name, one] as const))('%s: %s', (_template, _name, one) => {
    const tokenizer = createTokenizer({ ...files, chatTemplate: templates[one.template] ?? '' });
    if (one.error !== undefined) {
      expect(() => tokenizer.applyChatTemplate?.(one.messages)).toThrow(
        expect.objectContaining({ code: 'E_CHAT_TEMPLATE', message: expect.stringContaining(one.error) as string }),
      );
      return;
    }
    const text = tokenizer.applyChatTemplate?.(one.messages) ?? '';
    expect(text).toBe(one.text);
    expect([...tokenizer.encode(text)]).toEqual(one.ids);
    // A rendered prompt holds its BOS: asking for one adds none.
    expect([...tokenizer.encode(text, { special: true })]).toEqual(one.ids);
  });
});
