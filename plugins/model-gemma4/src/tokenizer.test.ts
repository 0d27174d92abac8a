import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createTokenizer } from './tokenizer.js';

/** A Gemma-like BPE in miniature: spaces become U+2581, unknown characters fall back to bytes. */
const definition = {
  version: '1.0',
  added_tokens: ['<pad>', '<eos>', '<bos>', '<unk>', '<|turn>', '<turn|>'].map((content, id) => ({
    id,
    content,
    special: id < 4,
    normalized: false,
    single_word: false,
    lstrip: false,
    rstrip: false,
  })),
  normalizer: { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
  pre_tokenizer: { type: 'Split', pattern: { String: ' ' }, behavior: 'MergedWithPrevious', invert: false },
  post_processor: null,
  decoder: {
    type: 'Sequence',
    decoders: [{ type: 'Replace', pattern: { String: '▁' }, content: ' ' }, { type: 'ByteFallback' }, { type: 'Fuse' }],
  },
  model: {
    type: 'BPE',
    dropout: null,
    unk_token: '<unk>',
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: true,
    byte_fallback: true,
    ignore_merges: false,
    vocab: Object.fromEntries(
      [
        '<pad>',
        '<eos>',
        '<bos>',
        '<unk>',
        '<|turn>',
        '<turn|>',
        ...Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`),
        ...[...'▁abcdefghijklmnopqrstuvwxyz.\n'],
        '▁a',
        'he',
      ].map((token, id) => [token, id]),
    ),
    merges: [
      ['▁', 'a'],
      ['h', 'e'],
    ],
  },
};
const tokenizerJson = JSON.stringify(definition);

describe('a tokenizer from tokenizer.json', () => {
  const tokenizer = createTokenizer({ tokenizerJson, configJson: '{"bos_token": {"content": "<bos>"}, "eos_token": "<eos>"}' });

  it('knows its ids, size and hash', () => {
    expect(tokenizer).toMatchObject({ padId: 0, eosId: 1, bosId: 2, unkId: 3, vocabularySize: 6 + 256 + 29 + 2 });
    expect(tokenizer.sha256).toBe(createHash('sha256').update(tokenizerJson).digest('hex'));
    expect(tokenizer.idOf('<|turn>')).toBe(4);
    expect(tokenizer.tokenOf(tokenizer.vocabularySize - 1)).toBe('he');
    expect(tokenizer.tokenOf(99999)).toBeUndefined();
    expect(tokenizer.idOf('nothing')).toBeUndefined();
    expect(tokenizer.applyChatTemplate).toBeUndefined();
  });

  it.each(['he said a word .', 'a', '  two  spaces ', 'ü and ㊗', ' leading', 'line\nbreak', ''])('brings %j back', (text) => {
    expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
  });

  it('puts exactly one BOS in front on request, none otherwise, and leaves special tokens out on request', () => {
    const plain = tokenizer.encode('he');
    expect(plain[0]).not.toBe(2);
    expect(tokenizer.encode('he', { special: true })).toEqual(Int32Array.of(2, ...plain));
    expect(tokenizer.encode('<bos>he', { special: true })).toEqual(Int32Array.of(2, ...plain));
    expect(tokenizer.decode(Int32Array.of(2, ...plain, 1), { skipSpecial: true })).toBe('he');
    expect(tokenizer.decode(Int32Array.of(2, ...plain, 1))).toBe('<bos>he<eos>');
  });
});

it('renders the chat template, from its own file or from tokenizer_config.json', () => {
  const template =
    "{{ bos_token }}{% for message in messages %}<|turn>{{ message['role'] }}\n{{ message['content'] }}<turn|>\n{% endfor %}{% if add_generation_prompt %}<|turn>model\n{% endif %}";
  const expected = '<bos><|turn>user\nhe<turn|>\n<|turn>model\n';
  const messages = [{ role: 'user', content: 'he' }];
  const own = createTokenizer({ tokenizerJson, chatTemplate: template });
  const inConfig = createTokenizer({ tokenizerJson, configJson: JSON.stringify({ chat_template: template }) });
  expect(own.applyChatTemplate?.(messages)).toBe(expected);
  expect(inConfig.applyChatTemplate?.(messages)).toBe(expected);
  expect(own.encode(expected, { special: true }).filter((id) => id === 2)).toHaveLength(1);
});

it('takes the default one of several templates, puts BOS before a chat without, and reports a broken template when it is used', () => {
  const messages = [{ role: 'user', content: 'he' }];
  const withTemplate = (chat_template: unknown) => createTokenizer({ tokenizerJson, configJson: JSON.stringify({ chat_template }) });
  const named = withTemplate([
    { name: 'tool_use', template: 'no' },
    { name: 'default', template: "{{ messages[0]['content'] }}" },
  ]);
  expect(named.applyChatTemplate?.(messages)).toBe('<bos>he');
  expect(named.encode('<bos>he', { special: true })).toEqual(named.encode('<bos>he'));
  expect(withTemplate([{ name: 'tool_use', template: 'no' }, null]).applyChatTemplate).toBeUndefined();
  const broken = withTemplate('{% if %}');
  expect(broken.encode('he').length).toBeGreaterThan(0);
  expect(() => broken.applyChatTemplate?.(messages)).toThrow(
    expect.objectContaining({ code: 'E_CHAT_TEMPLATE', message: expect.stringContaining('cannot be read') as string }),
  );
});

it('refuses what is no tokenizer', () => {
  for (const files of [
    { tokenizerJson: 'null' },
    { tokenizerJson: '{' },
    { tokenizerJson: '{}' },
    { tokenizerJson, configJson: '{"bos_token": "<start>"}' },
  ]) {
    expect(() => createTokenizer(files)).toThrow(expect.objectContaining({ code: 'E_TOKENIZER' }));
  }
});
